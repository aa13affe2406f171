SELECT '*' AS resource_group, before AS from_setup_family, after AS to_setup_family,
  minutes AS setup_minutes
FROM setups
