-- assumption: scrap is known when its work order ends.
SELECT
  w."WorkOrderID" AS event_id,
  w."EndDate" AS event_at,
  w."WorkOrderID" AS wo_id,
  'AW' AS site_id,
  w."ProductID" AS item_id,
  w."ScrappedQty" AS scrap_qty,
  coalesce(s."Name", w."ScrapReasonID", 'unknown') AS reason_code,
  CASE
    WHEN TRY_CAST(w."ScrappedQty" AS DOUBLE) = 0 THEN 'nothing scrapped'
    WHEN w."EndDate" IS NULL OR TRY_CAST(w."EndDate" AS TIMESTAMP) > $as_of THEN 'after as_of'
  END AS exclude_reason
FROM "WorkOrder" w
LEFT JOIN "ScrapReason" s ON s."ScrapReasonID" = w."ScrapReasonID"
