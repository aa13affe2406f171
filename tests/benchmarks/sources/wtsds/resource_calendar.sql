SELECT 'M1' AS resource_id, CAST($as_of AS TIMESTAMP) AS start_at,
  CAST($as_of AS TIMESTAMP) + INTERVAL 90 DAY AS end_at, 'shift' AS calendar_kind
