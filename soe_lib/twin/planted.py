"""The list of incidents of the demo plant, from just above tolerance to severe."""

from __future__ import annotations

from soe_lib.twin.clock import Clock
from soe_lib.twin.incidents import Incident

SLIGHT, MODERATE, SEVERE = "slight", "moderate", "severe"

_UNITS = {
    "new_order": "cases",
    "cancelled_order": "% of quantity",
    "expedited_order": "days",
    "resized_order": "% of quantity",
    "supplier_late": "days",
    "supplier_short": "% of quantity",
    "breakdown": "hours",
    "scrap": "% of output",
    "absence": "% of crew",
    "slow_running": "% of speed",
    "wrong_stock": "% of stock",
    "carrier_failure": "hours",
    "dock_failure": "hours",
}

_DAY = 24.0
_ROWS: tuple[tuple[str, int, int, float, str, float, float, str], ...] = (
    # kind, week, weekday, hour, target, size, hours (how long, or lead time, or until the count)
    ("new_order", 5, 1, 10.0, "COLA-01", 700, 8 * _DAY, SLIGHT),
    ("new_order", 8, 2, 9.5, "JUICE-06", 2200, 6 * _DAY, MODERATE),
    ("new_order", 11, 2, 11.0, "TONIC-06", 1200, 9 * _DAY, MODERATE),
    ("new_order", 11, 4, 19.5, "ENERGY-01", 3800, 6 * _DAY, SEVERE),
    ("cancelled_order", 5, 3, 14.0, "WATER", 100, 0, SLIGHT),
    ("cancelled_order", 7, 1, 11.0, "ICETEA", 100, 0, MODERATE),
    ("cancelled_order", 9, 2, 15.0, "COLA", 100, 0, MODERATE),
    ("cancelled_order", 11, 3, 10.0, "LEMON", 100, 0, MODERATE),
    ("expedited_order", 6, 0, 13.0, "ORANGE", 3, 0, SLIGHT),
    ("expedited_order", 9, 1, 9.0, "ENERGY", 5, 0, MODERATE),
    ("expedited_order", 11, 1, 16.5, "COLA", 4, 0, MODERATE),
    ("expedited_order", 11, 5, 9.0, "ICETEA", 7, 0, SEVERE),
    ("resized_order", 4, 2, 12.0, "LEMON", 15, 0, SLIGHT),
    ("resized_order", 8, 3, 10.0, "TONIC", 60, 0, MODERATE),
    ("resized_order", 11, 0, 15.0, "JUICE", -40, 0, MODERATE),
    ("resized_order", 11, 5, 10.5, "ENERGY", 90, 0, SEVERE),
    ("supplier_late", 6, 1, 10.0, "LABEL-COLA-S", 2, 0, SLIGHT),
    ("supplier_late", 8, 2, 10.0, "AROMA-S", 8, 0, MODERATE),
    ("supplier_late", 11, 3, 16.0, "CAP-RED", 3, 0, MODERATE),
    ("supplier_late", 11, 5, 9.0, "LABEL-COLA-S", 9, 0, SEVERE),
    ("supplier_short", 5, 2, 11.0, "CARTON-12", 4, 0, SLIGHT),
    ("supplier_short", 9, 1, 11.0, "LABEL-ORANGE-S", 75, 0, MODERATE),
    ("supplier_short", 11, 4, 18.5, "LABEL-WATER-S", 80, 0, SEVERE),
    ("breakdown", 5, 3, 9.0, "FIL-N2", 2.5, 2.5, SLIGHT),
    ("breakdown", 6, 1, 22.0, "PAC-S1", 14, 14, MODERATE),
    ("breakdown", 7, 2, 13.0, "MIX-S1", 9, 9, MODERATE),
    ("breakdown", 9, 0, 20.0, "FIL-S1", 16, 16, SEVERE),
    ("breakdown", 11, 3, 7.5, "PAC-N1", 5, 5, MODERATE),
    ("breakdown", 11, 6, 15.0, "FIL-S1", 31, 31, SEVERE),
    ("scrap", 6, 2, 6.0, "FIL-N1", 4, 24, SLIGHT),
    ("scrap", 8, 1, 6.0, "FIL-S2", 10, 24, MODERATE),
    ("scrap", 11, 2, 6.0, "FIL-S1", 16, 24, SEVERE),
    ("absence", 5, 1, 6.0, "NORD PACKER", 15, 24, SLIGHT),
    ("absence", 8, 2, 6.0, "SUED FILLER", 35, 48, SEVERE),
    ("absence", 11, 3, 6.0, "NORD FILLER", 30, 48, MODERATE),
    ("slow_running", 4, 0, 6.0, "PAC-N2", 16, 120, SLIGHT),
    ("slow_running", 7, 0, 6.0, "FIL-N3", 30, 96, SEVERE),
    ("slow_running", 11, 0, 6.0, "FIL-S2", 24, 120, MODERATE),
    ("wrong_stock", 6, 0, 12.0, "CAP-RED", 12, 48, SLIGHT),
    ("wrong_stock", 9, 1, 12.0, "LABEL-ICETEA-S", 50, 72, MODERATE),
    ("wrong_stock", 11, 0, 12.0, "BOTTLE-100", 50, 101, SEVERE),
    ("carrier_failure", 5, 1, 12.0, "S-EAST", 3, 3, SLIGHT),
    ("carrier_failure", 6, 0, 12.0, "N-WEST", 16, 16, MODERATE),
    ("carrier_failure", 7, 3, 12.0, "S-WEST", 19, 19, MODERATE),
    ("carrier_failure", 8, 3, 12.0, "N-SOUTH", 20, 20, MODERATE),
    ("carrier_failure", 11, 4, 12.0, "S-WEST", 64, 64, SEVERE),
    ("dock_failure", 5, 2, 12.0, "N", 15, 15, MODERATE),
    ("dock_failure", 6, 3, 12.0, "N", 4, 4, SLIGHT),
    ("dock_failure", 10, 1, 12.0, "S", 17, 17, SEVERE),
    ("dock_failure", 11, 3, 12.0, "N", 16, 16, MODERATE),
)


def planted(clock: Clock) -> tuple[Incident, ...]:
    """Return the incidents of the demo plant in the order of the list."""
    return tuple(
        Incident(
            incident_id=f"I{number:03d}",
            kind=kind,
            at=clock.at(week * 7 + day, hour),
            target=target,
            size=size,
            unit=_UNITS[kind],
            level=level,
            hours=hours,
        )
        for number, (kind, week, day, hour, target, size, hours, level) in enumerate(_ROWS, 1)
    )
