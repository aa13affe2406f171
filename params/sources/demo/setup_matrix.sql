SELECT
  "group" AS resource_group,
  "from" AS from_setup_family,
  "to" AS to_setup_family,
  "minutes" AS setup_minutes,
  "cost" AS setup_cost,
  NULL AS exclude_reason
FROM "aps__changeover_matrix"
