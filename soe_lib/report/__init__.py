"""Templates and export of the offline report site."""

from soe_lib.report.site import build_report as build_report
