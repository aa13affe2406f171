-- assumption: the proof of delivery is known when it is signed, not when the goods leave.
SELECT
  "shipment_no" AS shipment_id,
  "order_no" AS order_id,
  "order_line" AS line_id,
  "qty" AS delivered_qty,
  "issued_at" AS goods_issue_at,
  CASE WHEN (TRY_CAST("pod_at" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin') <= CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN "pod_at" END AS delivered_at,
  "issued_at" AS recorded_at,
  CASE WHEN (TRY_CAST("issued_at" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin') > CAST($as_of AS TIMESTAMP) AT TIME ZONE 'UTC' THEN 'after as_of' END AS exclude_reason
FROM "wms__goods_issues"
