SELECT s.sku AS item_id, s.family AS family_id, 'pc' AS uom, 'make' AS supply_type,
  NULL AS lead_time_days, s.min_lot AS lot_min_qty, s.lot_multiple AS lot_multiple_qty,
  s.family AS setup_family
FROM skus s
UNION ALL
SELECT c.component, 'components', 'pc', 'buy', c.lead_time_days, NULL, NULL, NULL
FROM components c
