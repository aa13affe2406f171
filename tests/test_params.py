"""Parameters: strict, typed, and equal to the file that lists them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from soe_lib.params import Params, ParamsError, load_params
from tests.conftest import ROOT


def test_weekly_yaml_lists_every_default() -> None:
    """Tests that params/weekly.yaml holds all parameters at the defaults of the classes."""
    listed = yaml.safe_load((ROOT / "params" / "weekly.yaml").read_text())
    assert listed == Params().model_dump(mode="json")


def test_empty_file_gives_defaults(tmp_path: Path) -> None:
    """Tests that a file without content is the defaults."""
    path = tmp_path / "empty.yaml"
    path.write_text("")
    assert load_params(path) == Params()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("horizon: {horizon_week: 4}", "Did you mean 'horizon_weeks'"),  # a typo
        ("horizon: {horizon_weeks: 13}", "less than or equal to 12"),  # out of range
        ("horizon: {horizon_weeks: many}", "found 'many'"),  # wrong type
        ("horizon: {horizon_weeks: '6'}", "found '6'"),  # a number in quotes
        ("horizon: {horizon_weeks: true}", "found True"),  # yes is no number
        ("horizon: {horizon_weeks: 6.5}", "found 6.5"),  # half a week
        ("money: {late_cost_cap_pct: -1}", "greater than or equal to 0"),
        ("order_priority: [colour]", "customer_tier"),  # unknown word
        ("order_priority: [margin, margin]", "each once"),
        ("order_priority: []", "at least one criterion"),
        ("order_priority: margin", "order_priority"),  # not a list
        ("- 1\n- 2", "expected 'name: value'"),  # not a mapping
        ("a: [", "not readable as YAML"),  # not YAML
        ("zzz: 1", "Known: horizon"),  # unknown section
    ],
)
def test_bad_files_name_the_fault(tmp_path: Path, text: str, said: str) -> None:
    """Tests that a bad file is refused with its name and a remedy."""
    path = tmp_path / "typo.yaml"
    path.write_text(text)
    with pytest.raises(ParamsError) as caught:
        load_params(path)
    assert "typo.yaml" in str(caught.value)
    assert said in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    """Tests that a missing file is a sentence, not a traceback."""
    with pytest.raises(ParamsError, match="file not found"):
        load_params(tmp_path / "no.yaml")


def test_whole_numbers_are_fine_where_fractions_are(tmp_path: Path) -> None:
    """Tests that 2 may be written for 2.0, a policy in any order, and null where it is allowed."""
    path = tmp_path / "own.yaml"
    path.write_text(
        "fences: {frozen_days: 2}\norder_priority: [due_date]\notif: {late_days: null}\n"
    )
    params = load_params(path)
    assert params.fences.frozen_days == 2.0
    assert params.order_priority == ("due_date",)
    assert params.otif.late_days is None


def test_every_parameter_is_explained() -> None:
    """Tests that each line of weekly.yaml that sets a value says what it means."""
    text = (ROOT / "params" / "weekly.yaml").read_text()
    setting = [line for line in text.splitlines() if line.startswith("  ") and ":" in line]
    assert len(setting) > 30
    assert [line for line in setting if "#" not in line] == []


def test_params_cannot_be_changed() -> None:
    """Tests that a parameter object is frozen."""
    with pytest.raises(ValueError, match="frozen"):
        Params().horizon.horizon_weeks = 3  # type: ignore[misc]
