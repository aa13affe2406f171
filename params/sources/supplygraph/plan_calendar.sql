-- assumption: the company takes and delivers orders every day: 24 hours a day, seven days a week.
SELECT
  date_trunc('month', day) AS plan_month,
  date_trunc('week', day) AS week_start_date,
  'factory' AS site_id,
  24.0 * count(*) AS working_hours
FROM (
  SELECT unnest(range(date_trunc('month', CAST($as_of AS TIMESTAMP)) - INTERVAL 3 MONTH,
    date_trunc('month', CAST($as_of AS TIMESTAMP)) + INTERVAL 5 MONTH, INTERVAL 1 DAY)) AS day
)
GROUP BY ALL
