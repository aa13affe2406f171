-- assumption: a work order is known from its start date on; good and scrapped quantities are known once it has ended; the whole history is kept.
-- Open means start date <= as_of < end date; the end, the quantities and the scrap reason of an open order are invisible.
SELECT
  "WorkOrderID" AS wo_id,
  "ProductID" AS item_id,
  'AW' AS site_id,
  "OrderQty" AS ordered_qty,
  "StartDate" AS release_at,
  "DueDate" AS due_at,
  CASE WHEN ended THEN 'completed' ELSE 'started' END AS status,
  "StartDate" AS started_at,
  CASE WHEN ended THEN "EndDate" END AS ended_at,
  CASE WHEN ended THEN "StockedQty" END AS good_qty,
  CASE WHEN ended THEN "ScrappedQty" END AS scrap_qty,
  CASE WHEN ended THEN "ScrapReasonID" END AS reason_code,
  CASE WHEN TRY_CAST("StartDate" AS TIMESTAMP) > $as_of THEN 'after as_of' END AS exclude_reason
FROM (
  SELECT *, coalesce(TRY_CAST("EndDate" AS TIMESTAMP) <= $as_of, false) AS ended FROM "WorkOrder"
)
