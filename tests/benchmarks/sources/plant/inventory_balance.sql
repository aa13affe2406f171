SELECT sku AS item_id, 'plant' AS location_id, CAST($as_of AS TIMESTAMP) AS balance_at,
  on_hand AS on_hand_qty
FROM skus
UNION ALL
SELECT component, 'plant', CAST($as_of AS TIMESTAMP), on_hand FROM components
