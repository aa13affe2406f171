"""What the plant's systems take from the outbox: MES the list, ERP dates, APS the plan."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from soe_lib.loop.answer import EXPEDITE_COLUMNS, OVERTIME_COLUMNS
from soe_lib.twin.execution import DISPATCH, EXPEDITES, OVERTIME

APS_EXTRACT = Path("aps") / "published_schedules.parquet"
ERP_ORDERS = Path("erp") / "sales_order_items.csv.gz"
ZONE = "Europe/Berlin"
"""Zone in which the plant's ERP writes its times."""
_INSTANTS = {
    "setup_start": "setup_start_at",
    "start": "start_at",
    "finish": "end_at",
    "earliest": "earliest_start_at",
    "latest": "latest_end_at",
}
_TEXTS = (
    "version_id",
    "wo_id",
    "item_id",
    "site_id",
    "resource_id",
    "setup_from",
    "setup_to",
    "pegged_demand",
    "tool_id",
    "alternates",
)
_PLAIN = {
    "order_no": "wo_id",
    "op": "op_no",
    "item": "item_id",
    "plant": "site_id",
    "quantity": "planned_qty",
    "resource": "resource_id",
    "setup_from": "setup_from",
    "setup_to": "setup_to",
    "firm": "is_frozen",
    "slack_hours": "slack_hours",
    "demands": "pegged_demand",
    "tool": "tool_id",
    "alternates": "alternates",
}


def hand_over(outbox: Path, overtime: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """
    Write what the plant reads from a publication: dispatch list, overtime, expedites.

    Parameters
    ----------
    outbox
        Folder of the publication.
    overtime
        Booked overtime: ``resource_id``, ``start_at``, ``hours``; what operations committed to.
    folder
        Where the plant looks.

    Returns
    -------
    pandas.DataFrame
        The dispatch list.
    """
    dispatch = pd.read_csv(outbox / "mes" / "dispatch.csv", dtype={"wo_id": "str"})
    dispatch.to_csv(folder / DISPATCH, index=False)
    end = overtime["start_at"] + pd.to_timedelta(overtime["hours"].astype(float), unit="h")
    booked = overtime.assign(end_at=end)[list(OVERTIME_COLUMNS)]
    booked.to_csv(folder / OVERTIME, index=False)
    purchases = pd.read_csv(outbox / "erp" / "purchases.csv", dtype={"po_id": "str"})
    pulled = purchases[purchases["action"] == "expedite"]
    pulled = pulled.rename(columns={"new_receipt_at": "receipt_at"})
    pulled[list(EXPEDITE_COLUMNS)].to_csv(folder / EXPEDITES, index=False)
    return dispatch


def with_publications(extracts: Path, outboxes: list[Path]) -> None:
    """
    Put published versions into the APS's extract: an APS keeps what it was given.

    Parameters
    ----------
    extracts
        Folder of the extracts that the plant has just written.
    outboxes
        Folders of the publications so far, oldest first.
    """
    path = extracts / APS_EXTRACT
    own = pd.read_parquet(path)
    plants = own.drop_duplicates("resource").set_index("resource")["plant"]
    parts = [own]
    for folder in outboxes:
        rows = pd.read_csv(folder / "aps" / "schedule.csv", dtype=dict.fromkeys(_TEXTS, "str"))
        rows = rows[rows["split_no"] == 1]
        taken = pd.DataFrame({"version": rows["version_id"]})
        taken["released_at"] = pd.to_datetime(rows["published_at"], utc=True)
        for name, column in _INSTANTS.items():
            taken[name] = pd.to_datetime(rows[column], utc=True)
        for name, column in _PLAIN.items():
            taken[name] = rows[column]
        taken["plant"] = taken["plant"].fillna(taken["resource"].map(plants))
        parts.append(taken)
    dtypes = own.dtypes.to_dict()
    both = pd.concat([part.astype({"op": "int64"}) for part in parts], ignore_index=True)
    both = _replaced(both).reindex(columns=list(own.columns))
    both.astype(dtypes).to_parquet(path, index=False)


def with_confirmations(extracts: Path, outboxes: list[Path]) -> int:
    """
    Put published order confirmations into the ERP's extract, as a version of the line.

    The first promise and the day on which the plant loads stay: a customer is told another date,
    nothing is due later for that.

    Parameters
    ----------
    extracts, outboxes
        See :func:`with_publications`.

    Returns
    -------
    int
        Lines with another confirmed date.
    """
    path = extracts / ERP_ORDERS
    rows = pd.read_csv(path, dtype="str", keep_default_na=False)
    changed_at = pd.to_datetime(rows["AEDAT"], errors="coerce")
    lines = rows["VBELN"] + "/" + rows["POSNR"]
    count = 0
    for folder in outboxes:
        told = pd.read_csv(folder / "erp" / "confirmations.csv", dtype="str")
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        at = pd.Timestamp(manifest["published_at"]).tz_convert(ZONE).tz_localize(None)
        told = told[told["new_confirmed_date"].notna()]
        new = dict(
            zip(told["order_id"] + "/" + told["line_id"], told["new_confirmed_date"], strict=True)
        )
        date = lines.map(new)
        later = date.notna() & (changed_at > at)
        before = rows.assign(at=changed_at, line=lines)[date.notna() & (changed_at <= at)]
        newest = before.sort_values("at", kind="stable").drop_duplicates(
            ["line", "ETENR"], keep="last"
        )
        newest = newest[newest["GBSTA"] == "A"]
        rows.loc[later, "EDATU"] = date[later]
        version = newest.assign(
            EDATU=newest["line"].map(new),
            AEDAT=at.strftime("%Y-%m-%d %H:%M:%S"),
            VERS=[str(int(v) + 500) for v in newest["VERS"]],
        )
        rows = pd.concat([rows, version[rows.columns]], ignore_index=True)
        changed_at = pd.to_datetime(rows["AEDAT"], errors="coerce")
        lines = rows["VBELN"] + "/" + rows["POSNR"]
        count += len(newest)
    rows.to_csv(path, index=False)
    return count


def _replaced(rows: pd.DataFrame) -> pd.DataFrame:
    """Say of each version when the next one of the same plant replaced it."""
    versions = rows.drop_duplicates(["version", "plant"])[["version", "plant", "released_at"]]
    versions = versions.sort_values(["plant", "released_at", "version"], kind="stable")
    versions["replaced_at"] = versions.groupby("plant")["released_at"].shift(-1)
    joined = rows.drop(columns="replaced_at", errors="ignore").merge(
        versions.drop(columns="released_at"), on=["version", "plant"], how="left"
    )
    return joined.sort_values(["released_at", "version"], kind="stable").reset_index(drop=True)
