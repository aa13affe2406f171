-- assumption: Monday to Friday are working days of 24 hours (120 h a week); a week that two months share is split by its working days.
SELECT
  date_trunc('month', day) AS plan_month,
  date_trunc('week', day) AS week_start_date,
  'AW' AS site_id,
  24.0 * count(*) AS working_hours
FROM (
  SELECT unnest(range(date_trunc('month', CAST($as_of AS TIMESTAMP)) - INTERVAL 3 MONTH,
    date_trunc('month', CAST($as_of AS TIMESTAMP)) + INTERVAL 5 MONTH, INTERVAL 1 DAY)) AS day
)
WHERE isodow(day) <= 5
GROUP BY ALL
