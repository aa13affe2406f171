SELECT po AS po_id, '1' AS line_id, 'supplier' AS supplier_id, component AS item_id,
  quantity AS ordered_qty, 0 AS received_qty, CAST(date AS TIMESTAMP) AS required_date,
  CAST(date AS TIMESTAMP) AS promised_date, 'open' AS status, CAST(date AS TIMESTAMP) AS eta_at
FROM receipts
