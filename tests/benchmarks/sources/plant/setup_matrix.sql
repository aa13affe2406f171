SELECT '*' AS resource_group, from_family AS from_setup_family, to_family AS to_setup_family,
  minutes AS setup_minutes
FROM setup_matrix
