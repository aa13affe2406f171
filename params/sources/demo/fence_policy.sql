SELECT
  "level" AS scope_type,
  "name" AS scope_id,
  "frozen_days" AS frozen_days,
  "slushy_days" AS slushy_days,
  "allowed_change" AS allowed_change,
  "change_limit_pct" AS change_limit_pct,
  "approver_role" AS approver_role,
  NULL AS exclude_reason
FROM "aps__time_fences"
