"""Page of step 4: what is proposed, who must do what until when, and what would be published."""

from __future__ import annotations

from typing import Any

import pandas as pd

from soe_lib.decision.reasons import REASON_WORDS
from soe_lib.run import Run
from soe_lib.scenario.costs import TERM_WORDS
from soe_lib.steps.decision import PREVIEW_TABLES, Pack
from soe_lib.views.blocks import (
    Block,
    Columns,
    Folded,
    Grid,
    Headline,
    Live,
    Note,
    Sentences,
    Tile,
    Tiles,
    Tone,
    money,
)
from soe_lib.views.facts_of_run import moment
from soe_lib.views.page import Page, blockers, currency_of
from soe_lib.views.scenarios import comparison_grid, first_screen, signed, with_local_times
from soe_lib.views.what_moves import CHANGE_WORDS
from soe_lib.vocabulary import FUNCTIONS

ROWS_PER_FUNCTION = 5
ROWS_FOLDED = 60
PREVIEW_ROWS = 5


def decision_page(run: Run, pack: Pack) -> Page:
    """
    Lay out the decision pack.

    Parameters
    ----------
    run
        The run.
    pack
        Result of :func:`soe_lib.prepare_decision`.

    Returns
    -------
    Mapping
        Blocks under ``headline``, ``tiles``, ``options``, ``commitments``, ``preview``.

    Examples
    --------
    >>> page = decision_page(run, prepare_decision(run))  # doctest: +SKIP
    >>> show(page["commitments"])  # doctest: +SKIP
    """
    head: list[Block] = [blockers(run), Headline(pack.headline, "warn" if pack.off else "neutral")]
    if pack.off:
        off: list[Block] = [Note("Nothing is proposed, so nothing would be published.")]
        keys = ("tiles", "options", "commitments", "preview")
        return {"headline": head, "live": [], **dict.fromkeys(keys, off)}
    return {
        "headline": head,
        "live": [Live(lambda: _panel(run), "Decided and signed in the meeting view of this page.")],
        "tiles": [_tiles(run, pack)],
        "options": _options(run, pack),
        "commitments": _commitments(run, pack),
        "preview": _preview(run, pack),
    }


def _panel(run: Run) -> Any:
    from soe_lib.views.live.decision_panel import DecisionPanel

    return DecisionPanel(run).widget


def _tiles(run: Run, pack: Pack) -> Tiles:
    row = pack.options[pack.options["scenario"] == pack.scenario].iloc[0]
    tasks = pack.commitments
    soon = int((tasks["due_at"] <= run.as_of + pd.Timedelta(hours=24)).sum())
    told = int((tasks["function"] == "customer_service").sum())
    roles = sorted({pack.governance.title(role) for role in pack.approvals["approver_role"]})
    questions = int((pack.questions["status"] == "unknown").sum())
    until = pack.valid_until_at
    saved = -float(row["delta_total_cost"])
    tone: Tone = "good" if saved > 0 else "neutral"
    return Tiles(
        (
            Tile("Proposed", row["title"], f"saves {money(saved, currency_of(run))}", tone),
            Tile("Commitments", f"{len(tasks):,}", f"{soon:,} due within 24 hours"),
            Tile("Customers to tell", f"{told:,}", "order lines with a new confirmation"),
            Tile(
                "Approvals needed",
                f"{len(pack.approvals):,}",
                ", ".join(roles) or "only the six signatures",
                "warn" if roles else "good",
            ),
            Tile(
                "Questions still open",
                f"{questions:,}",
                "none may be open at signing",
                "warn" if questions else "good",
            ),
            Tile(
                "Holds until",
                moment(until, run, brief=True) or "–",
                "then its first move begins" if pd.notna(until) else "nothing in it expires",
                "warn" if pd.notna(until) else "neutral",
            ),
        )
    )


def _options(run: Run, pack: Pack) -> list[Block]:
    currency = currency_of(run)
    terms = pack.money[(pack.money[["do_nothing", "chosen"]].abs() >= 0.5).any(axis=1)]
    total = {"term": "total", **pack.money[["do_nothing", "chosen", "difference"]].sum().to_dict()}
    lines = pd.concat([terms, pd.DataFrame([total])], ignore_index=True)
    shown = pd.DataFrame(
        {
            f"in {currency}" if currency else "term": lines["term"].replace(TERM_WORDS),
            "do nothing": lines["do_nothing"].round(),
            "proposed": lines["chosen"].round(),
            "±": lines["difference"].map(signed),
        }
    )
    needs = [
        f"{pack.governance.title(role)}: {reason}"
        for role, reason in zip(
            pack.approvals["approver_role"], pack.approvals["reason"], strict=True
        )
    ]
    signs = ", ".join(pack.governance.title(role) for role in pack.governance.signatures)
    tones: list[Tone] = ["neutral"] * len(terms)
    right: tuple[Block, ...] = (
        Sentences(
            "Needs approval",
            tuple(needs),
            tone="warn",
            if_none="nothing beyond the six signatures.",
        ),
        Sentences(
            "Goes up to S&OP",
            tuple(pack.escalations["sentence"]),
            tone="warn",
            if_none="nothing.",
        ),
        Note(f"To be signed by {signs}."),
    )
    return [
        comparison_grid(first_screen(pack.options), run, "Options"),
        Columns(
            (
                (
                    Grid(
                        shown,
                        title="What it costs and saves",
                        table="decision_money",
                        row_tones=(*tones, "good"),
                        right=("±",),
                    ),
                ),
                right,
            ),
            (3, 2),
        ),
    ]


def _commitments(run: Run, pack: Pack) -> list[Block]:
    tasks = with_local_times(pack.commitments, run, "due_at")
    names = {person.person_id: person.name for person in pack.governance.people}
    found: list[Block] = []
    for function in FUNCTIONS:
        own = tasks[tasks["function"] == function]
        title = pack.governance.title(function)
        if own.empty:
            found.append(Sentences(title, (), if_none="nothing to commit to."))
            continue
        owner = names.get(own["owner_id"].iloc[0], own["owner_id"].iloc[0])
        shown = pd.DataFrame(
            {
                "due": own["due_at"],
                "commitment": own["text"],
                "from": own["old_value"].map(_day_of),
                "to": own["new_value"].map(_day_of),
                "money": own["money"].round(),
            }
        )
        if function != "customer_service":  # elsewhere the sentence says both values
            shown = shown.drop(columns=["from", "to"])
        shown = shown.loc[:, [name for name in shown if _says(shown[name])]]
        found.append(
            Grid(
                shown.head(ROWS_PER_FUNCTION),
                title=f"{title}: {len(own):,}, owner {owner}",
                rows=ROWS_PER_FUNCTION,
            )
        )
        rest = shown.iloc[ROWS_PER_FUNCTION:]
        if len(rest):  # whoever signs can read all that is signed
            more = f"{len(rest):,} more of {title}"
            found.append(Folded(more, (Grid(rest, rows=ROWS_FOLDED),)))
    found.append(
        Grid(
            pack.commitments.groupby("function", sort=False)
            .agg(commitments=("commitment_id", "size"), first_due=("due_at", "min"))
            .reset_index()
            .assign(
                first_due=lambda rows: [moment(at, run) for at in rows["first_due"]],
                function=lambda rows: rows["function"].map(pack.governance.title),
            ),
            title="All commitments",
            table="commitments",
        )
    )
    return found


def _day_of(text: str) -> str:
    """Return a date of a machine as people read it; other texts stay."""
    day = pd.to_datetime(text, format="%Y-%m-%d", errors="coerce")
    return str(text) if pd.isna(day) else f"{day:%a %d %b}"


def _says(column: pd.Series) -> bool:
    """Whether a column says anything in any row."""
    return bool((column.notna() & (column.astype("str") != "") & (column != 0)).any())


def _preview(run: Run, pack: Pack) -> list[Block]:
    counts = pack.messages.pivot_table(
        index="system", columns="object_type", values="num_messages", aggfunc="sum", fill_value=0
    )
    counts.columns = [f"{str(name).replace('_', ' ')}s" for name in counts.columns]
    receives = {
        "APS": "the schedule as a new version, its difference, the promises",
        "ERP": "order confirmations, allocations, purchases to order or expedite",
        "MES": "the dispatch list of each line, in sequence",
    }
    whole = counts.reset_index()
    whole.insert(1, "receives", whole["system"].map(receives))
    return [
        Note(
            "Nothing has been sent. After six signatures each system receives its facts, is read "
            "back, and one seal shows that all three agree or which rows differ."
        ),
        Grid(whole, title="Facts by system", table="preview_messages"),
        *_tables(run, pack),
    ]


_HEADS = {
    "wo_id": "work order",
    "op_no": "op",
    "item_id": "item",
    "qty": "quantity",
    "resource_id": "line",
    "resource_before": "line before",
    "resource_after": "line now",
    "start_before_at": "start before",
    "start_after_at": "start now",
    "start_at": "start",
    "end_at": "end",
    "order_id": "order",
    "line_id": "line no",
    "customer_id": "customer",
    "old_confirmed_date": "confirmed before",
    "new_confirmed_date": "confirmed now",
    "new_confirmed_qty": "quantity",
    "reason_code": "reason",
    "po_id": "purchase order",
    "supplier_id": "supplier",
    "old_receipt_date": "receipt before",
    "new_receipt_at": "receipt now",
    "planned_qty": "quantity",
    "is_frozen": "fence",
    "sequence_no": "no",
    "supply_type": "supply",
    "supply_id": "which",
    "allocated_qty": "quantity",
    "available_at": "there at",
}
_PREVIEW = (
    (
        "aps_schedule",
        "APS: the new version of the schedule",
        ("resource_id", "wo_id", "op_no", "item_id", "planned_qty", "start_at", "end_at",
         "is_frozen"),
    ),
    (
        "aps_changes",
        "APS: operations that differ from the published schedule",
        ("wo_id", "op_no", "item_id", "change", "resource_before", "resource_after",
         "start_before_at", "start_after_at"),
    ),
    (
        "erp_confirmations",
        "ERP: order confirmations that change",
        ("order_id", "line_id", "customer_id", "item_id", "action", "old_confirmed_date",
         "new_confirmed_date", "new_confirmed_qty", "reason_code"),
    ),
    (
        "erp_purchases",
        "ERP: purchases to order or to expedite",
        ("action", "po_id", "line_id", "item_id", "supplier_id", "qty", "old_receipt_date",
         "new_receipt_at", "cost"),
    ),
    (
        "erp_allocations",
        "ERP: which supply serves which order line",
        ("order_id", "line_id", "item_id", "supply_type", "supply_id", "allocated_qty",
         "available_at"),
    ),
    (
        "mes_dispatch",
        "MES: dispatch list",
        ("resource_id", "sequence_no", "wo_id", "op_no", "item_id", "planned_qty", "start_at",
         "end_at", "is_frozen", "change"),
    ),
)  # fmt: skip


_ACTION_WORDS = {
    "confirm": "confirm",
    "redate": "new date",
    "reduce": "smaller quantity",
    "withdraw": "no date",
    "order": "order",
    "expedite": "pull in",
    "make": "make",
}


def _plain(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows in words and days, without the columns that say nothing."""
    words = {
        "action": _ACTION_WORDS,
        "change": CHANGE_WORDS,
        "reason_code": REASON_WORDS,
    }
    found = rows.assign(
        **{
            name: rows[name].map(lambda word, known=known: known.get(word, word)).astype("str")
            for name, known in words.items()
            if name in rows
        }
    )
    for name in found:
        if pd.api.types.is_datetime64_dtype(found[name].dtype):
            found[name] = found[name].dt.strftime("%a %d %b").fillna("–")
    if "is_frozen" in found:
        found = found.assign(is_frozen=found["is_frozen"].map({True: "frozen", False: ""}))
    return found.loc[:, [name for name in found if _says(found[name].replace("–", ""))]]


def _tables(run: Run, pack: Pack) -> list[Block]:
    found: list[Block] = []
    for name, title, columns in _PREVIEW:
        rows = pack.preview[name]
        shown = rows if name != "aps_changes" else rows[rows["change"] != "shifted"]
        instants = [name for name in columns if isinstance(rows[name].dtype, pd.DatetimeTZDtype)]
        first = with_local_times(shown[list(columns)].head(PREVIEW_ROWS), run, *instants)
        found.append(
            Grid(
                _plain(first).rename(columns=_HEADS),
                title=f"{title} ({len(shown):,})",
                table=PREVIEW_TABLES[name],
                rows=PREVIEW_ROWS,
                if_none="none.",
            )
        )
    return found
