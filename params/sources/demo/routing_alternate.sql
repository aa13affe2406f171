SELECT
  "item" AS item_id,
  "op" AS op_no,
  "resource" AS resource_id,
  "duration_per_unit" AS run_minutes_per_unit,
  "operation" AS operation_name,
  "yield" AS yield_pct,
  "priority" AS preference,
  "tool" AS tool_id,
  "skill" AS skill_code,
  "people" AS labour_count,
  "setup_family" AS setup_family,
  NULL AS exclude_reason
FROM "aps__routings"
