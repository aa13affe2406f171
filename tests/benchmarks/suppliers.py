"""
Delay distributions of real suppliers, scored out of sample by date.

``python -m tests.benchmarks.suppliers --data DATA`` learns from the USAID deliveries received by an
instant and scores what came later: each supplier alone, all the same, leaning on each other, and
with old outcomes fading. Strength and half-life are chosen before the instant.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from soe_lib.impact.supplier_score import score_suppliers

SHARES = (0.5, 0.6, 0.7, 0.8)
"""Shares of the deliveries that are known at the instants."""
FILE = "usaid_scms/SCMS_Delivery_History_first_5000.csv"


def receipts_of(data: Path) -> pd.DataFrame:
    """Return the deliveries: ``supplier_id``, ``received_at``, ``late_days`` after the schedule."""
    rows = pd.read_csv(data / FILE, encoding="latin-1", dtype="str")

    def days(name: str) -> pd.Series:
        first = pd.to_datetime(rows[name], format="%d-%b-%y", errors="coerce")
        return first.fillna(pd.to_datetime(rows[name], format="%m/%d/%y", errors="coerce"))

    due, received = days("Scheduled Delivery Date"), days("Delivered to Client Date")
    return pd.DataFrame(
        {
            "supplier_id": rows["Vendor"].str.strip(),
            "received_at": received.dt.tz_localize("UTC"),
            "late_days": (received - due).dt.days.astype(float),
        }
    )


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    receipts = receipts_of(parser.parse_args().data)
    won = 0
    for share in SHARES:
        at = receipts["received_at"].quantile(share)
        scores, _ = score_suppliers(receipts, at)
        print(f"learnt until {at.date()}, scored on {scores['num_outcomes'].iloc[0]:,} later:")
        print(scores.drop(columns="num_outcomes").round(4).to_string(index=False))
        found = scores.set_index("way")["mean_crps_days"]
        won += bool(found["shrunken, forgets"] < found[["alone", "all the same"]].min())
    print(
        f"leaning on each other and forgetting beats both alone and all the same at {won} of "
        f"{len(SHARES)} instants (mean CRPS)"
    )


if __name__ == "__main__":
    main()
