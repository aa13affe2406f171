"""The engine on benchmark plants and on wt_sds: `make bench-engine`."""
