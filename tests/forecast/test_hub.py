"""A hub's forecasts: from each vintage alone, in the hubverse format, scored on shared forecasts."""

import numpy as np
import pandas as pd
import pytest

import koopflow as kf
from koopflow.config.hub import HubSettings, HubStudySettings, PanelSettings
from koopflow.core.errors import KoopflowError
from koopflow.data.hub.tables import read_hub
from koopflow.forecast.hub import run
from koopflow.forecast.hub.evaluation import scored
from koopflow.forecast.hub.hubverse import check_file, write_files
from koopflow.forecast.hub.revisions import corrected, factors
from koopflow.forecast.hub.run import forecast_dates, forecast_seasons
from koopflow.forecast.hub.scores import (
    Bootstrap,
    compared,
    leaderboard,
    score_rows,
    seasons,
    weighted_interval_score,
)
from koopflow.studies.checks.hub import check
from tests.conftest import beside
from tests.forecast.test_panels import epidemics

START, DATES = pd.Timestamp("2019-08-31"), pd.to_datetime(["2019-12-14", "2020-01-11", "2020-02-08"])
SETTINGS = HubStudySettings(hubs={"toy": HubSettings(folder=".", backtest=(2017,))}, every=12, draws=100)


def write(folder, truth, seed=0):
    """Write a hub whose last weeks are revised: each vintage has noise in its last value."""
    generator = np.random.default_rng(seed)
    parts = []
    for date in DATES:
        part = truth[(truth["time"] >= START) & (truth["time"] < date)].copy()
        newest = part["time"] == part["time"].max()
        part.loc[newest, "value"] *= generator.uniform(0.9, 1.1, newest.sum())
        parts.append(part.assign(reference_date=date))
    truth.to_csv(folder / "toy_truth.csv", index=False)
    pd.concat(parts).to_parquet(folder / "toy_vintages_2019_2020.parquet")


def submitted(truth, spread=1.0):
    """Return forecasts of another team: the truth of the week before the date, with fixed widths."""
    rows = []
    for date in DATES:
        last = truth[truth["time"] == date - pd.Timedelta(days=7)]
        for horizon in range(4):
            for level, offset in zip(SETTINGS.scored_levels, (-6, -4, -2, 0, 2, 4, 6)):
                rows.append(
                    last.assign(
                        model="other",
                        reference_date=date,
                        horizon=horizon,
                        quantile=level,
                        value=last["value"] + spread * offset,
                    )
                )
    return pd.concat(rows).drop(columns="time")


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    folder, truth = tmp_path_factory.mktemp("hub"), epidemics()
    write(folder, truth)
    submitted(truth).to_csv(folder / "toy_submissions.csv", index=False)
    data = read_hub(folder, "toy")
    return folder, data, forecast_dates(data, SETTINGS)


def test_nothing_after_a_vintage_enters_its_forecasts(hub, tmp_path):
    _, data, found = hub
    truth = epidemics()
    later = truth["time"] >= DATES[0]
    truth.loc[later, "value"] = 1000 + truth["value"][later][::-1].to_numpy()
    write(tmp_path, truth)
    other = forecast_dates(read_hub(tmp_path, "toy"), SETTINGS)
    first = [each[each["reference_date"] == DATES[0]]["value"].to_numpy() for each in (found, other)]
    assert len(first[0]) > 0
    assert np.array_equal(*first)
    assert not np.array_equal(found["value"], other["value"])
    # nor does the final value of a week of the season that a vintage already held
    revised = truth.copy()
    season = revised["time"] >= START
    revised.loc[season, "value"] = 7.0
    again = forecast_dates(type(data)(data.name, revised, data.vintages, data.submissions), SETTINGS)
    assert np.array_equal(again["value"], found["value"])


def test_earlier_seasons_are_forecast_from_the_weeks_before_each_date(hub):
    _, data, _ = hub
    found = forecast_seasons(data, [2017], SETTINGS)
    first = found["reference_date"].min()
    changed = data.truth.copy()
    changed.loc[changed["time"] >= first, "value"] += 50
    other = forecast_seasons(type(data)(data.name, changed, data.vintages, data.submissions), [2017], SETTINGS)
    values = [each[each["reference_date"] == first]["value"].to_numpy() for each in (found, other)]
    assert np.array_equal(*values)
    with pytest.raises(KoopflowError, match=r"hub\.hubs\.toy.backtest: 2019 must be a season of the truth before"):
        forecast_seasons(data, [2019], SETTINGS)


def test_files_pass_the_checker_and_hold_the_forecasts(hub, tmp_path):
    _, _, found = hub
    written = write_files(found, tmp_path)
    assert len(written) == len(DATES) * len(SETTINGS.models)
    frame = check_file(tmp_path / "koopflow-panel" / "2019-12-14-koopflow-panel.csv", SETTINGS.levels)
    assert len(frame) == 6 * 4 * 9
    own = found[(found["model"] == "koopflow-panel") & (found["reference_date"] == DATES[0])]
    assert np.allclose(frame["value"], own["value"], rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.assign(output_type_id=f["output_type_id"].replace(0.975, 1.5)), "strictly between 0 and 1"),
        (lambda f: f.assign(value=f["value"].replace(f["value"].iloc[0], -1.0)), "value must be non-negative"),
        (lambda f: f.assign(value=f["value"].to_numpy()[::-1]), "value must not fall as output_type_id grows"),
        (lambda f: f.drop(columns="value"), "columns must be reference_date, target"),
        (lambda f: f.assign(target_end_date="2019-12-20"), r"must be reference_date \+ 7 x horizon days"),
        (lambda f: f.assign(reference_date="2019-12-21"), "must be the date of the file, 2019-12-14"),
        (lambda f: pd.concat([f, f.tail(1)]), "must occur once per task"),
        (lambda f: f.iloc[1:], "must have all 9 quantile levels"),
        (lambda f: f.assign(output_type="mean"), "output_type must be quantile"),
        (lambda f: f.assign(value="many"), r"value must be a number \(got 'many' in line 2\)"),
    ],
)
def test_a_file_that_breaks_the_format_is_refused_in_one_line(hub, tmp_path, change, message):
    _, _, found = hub
    path = write_files(found[found["model"] == "koopflow-panel"], tmp_path)[0]
    change(pd.read_csv(path)).to_csv(path, index=False)
    with pytest.raises(KoopflowError, match=message) as caught:
        check_file(path, SETTINGS.levels)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        (
            "vintages",
            lambda f: f.assign(time=f["time"] + pd.Timedelta(days=84)),
            "must end before that date, or it would be",
        ),
        ("vintages", lambda f: f.drop(columns="location"), "column 'location' is missing"),
        ("vintages", lambda f: pd.concat([f, f.head(1)]), "each row must occur once"),
        ("truth", lambda f: f.assign(value="x"), r"value must be a number \(got 'x' in row 1\)"),
        ("truth", lambda f: f.assign(time="soon"), r"time must be a date \(got 'soon' in row 1\)"),
        ("submissions", lambda f: f.assign(quantile=1.0), r"quantile must be strictly between 0 and 1 \(got 1\)"),
        ("submissions", lambda f: f.rename(columns={"quantile": "level"}), "column 'quantile' is missing"),
    ],
)
def test_a_wrong_table_is_refused_in_one_line(hub, tmp_path, table, change, message):
    folder, data, _ = hub
    for name in ("truth", "vintages", "submissions"):
        frame = getattr(data, name)
        (change(frame) if name == table else frame).to_csv(tmp_path / f"toy_{name}.csv", index=False)
    with pytest.raises(KoopflowError, match=message):
        read_hub(tmp_path, "toy")
    with pytest.raises(KoopflowError, match=r"hub\.hubs\.gone.folder: .* has no file gone_truth"):
        read_hub(folder, "gone", "hub.hubs.gone.folder")


def test_scores_are_the_mean_pinball_losses_of_shared_forecasts(hub):
    _, data, found = hub
    levels = np.array(SETTINGS.scored_levels)
    both = pd.concat([found, data.submissions])
    rows = score_rows(both, data.truth, SETTINGS.scored_levels)
    row = rows[rows["model"] == "other"].iloc[0]
    end = row["reference_date"] + pd.Timedelta(days=7 * int(row["horizon"]))
    truth = data.truth.set_index(["time", "location", "target"])["value"][end, row["location"], row["target"]]
    values = data.submissions.set_index(["reference_date", "target", "location", "horizon"]).loc[
        [(row["reference_date"], row["target"], row["location"], row["horizon"])], "value"
    ]
    losses = [2 * max(q * (truth - v), (q - 1) * (truth - v)) for q, v in zip(levels, values)]
    assert row["wis"] == pytest.approx(np.mean(losses))
    assert np.isnan(row["covered_90"])  # the other team sends neither 0.05 nor 0.95
    assert weighted_interval_score(np.array([[2.0]]), np.array([5.0]), np.array([0.5]))[0] == 3.0
    less = rows[~((rows["model"] == "other") & (rows["target"] == "rsv"))]
    pairs = compared(less, Bootstrap(draws=100), "toy")
    one = pairs[(pairs["target"] == "all") & (pairs["model"] == "koopflow-panel") & (pairs["against"] == "other")].iloc[
        0
    ]
    mine, theirs = (
        less[(less["model"] == name) & (less["target"] == "flu")]["wis"].mean() for name in ("koopflow-panel", "other")
    )
    assert one["n"] == (less["model"] == "other").sum()
    assert one["ratio"] == pytest.approx(mine / theirs)
    assert one["ci_low"] <= one["ratio"] <= one["ci_high"]
    board = leaderboard(less, pairs, "other")
    assert board.loc[board["model"] == "other", "ratio"].eq(1).all()
    with pytest.raises(KoopflowError, match="reference: no forecasts of 'nobody'"):
        leaderboard(less, pairs, "nobody")


def test_the_panel_beats_persistence_and_the_tables_say_so(hub):
    _, data, found = hub
    board, pairs, past = scored(data, SETTINGS, found, forecast_seasons(data, [2017], SETTINGS), 0)
    one = pairs[(pairs["target"] == "all") & (pairs["model"] == "koopflow-panel")].set_index("against")
    assert one.loc["koopflow-persistence", "ratio"] < 0.9
    assert board["hub"].unique().tolist() == ["toy"]
    worst = past[past["model"] == "koopflow-panel"]
    assert (worst["worst"] >= worst["ratio"]).all()
    assert past.loc[past["model"] == "koopflow-persistence", "ratio"].eq(1).all()


def test_the_worst_season_stands_beside_the_mean():
    dates = pd.to_datetime(["2016-12-03", "2017-12-02", "2018-12-01"])
    rows = pd.DataFrame(
        [(model, date) for model in ("mine", "plain") for date in dates], columns=["model", "reference_date"]
    )
    rows = rows.assign(wis=[1.0, 2.0, 4.0, 2.0, 2.0, 2.0], error=1.0, covered_80=1.0, target="flu")
    mine = seasons(rows, 9, "plain").query("model == 'mine' and target == 'flu'")
    assert mine["ratio"].tolist() == [0.5, 1.0, 2.0]
    assert mine["worst"].tolist() == [2.0] * 3
    assert mine["mean"].tolist() == pytest.approx([1.0] * 3)


def test_the_face_forecasts_a_folder(hub):
    folder, _, found = hub
    mine = kf.hub(folder, dates=["2019-12-14"])
    assert np.array_equal(mine.quantiles["value"], found[found["reference_date"] == DATES[0]]["value"])
    with pytest.raises(KoopflowError, match=r"dates must be reference dates of the vintages \(got 2019-12-15\)"):
        kf.hub(folder, dates=["2019-12-15"])


def test_the_check_names_the_key(hub, tmp_path):
    folder, _, _ = hub
    plain = SETTINGS.dump()
    assert check(plain, {"toy": str(folder)})["toy"]["submitted"] == ["other"]
    with pytest.raises(KoopflowError, match=r"hub\.hubs\.toy.folder: no folder"):
        check(plain, {"toy": str(tmp_path / "none")})
    plain["hubs"]["toy"]["reference"] = "othr"
    with pytest.raises(KoopflowError, match=r"hub\.hubs\.toy.reference: no model named 'othr'"):
        check(plain, {"toy": str(folder)})


def test_a_real_hub_ranks_the_panel_before_all_others():
    folder = beside("data/hub")
    dates = [f"{date:%Y-%m-%d}" for date in read_hub(folder, "hospital").dates if date.day_of_week == 5][::5]
    board = kf.hub(folder, "hospital", dates=dates, reference="JHUAPL-DMD").leaderboard
    best = board[board["target"] == "all"].set_index("model")
    assert best.index[0].startswith("koopflow-panel")
    assert best.loc["koopflow-panel", "relative_skill"] < 0.75
    assert best.loc["koopflow-panel", "coverage_80"] == pytest.approx(0.8, abs=0.12)


def test_a_location_renamed_in_the_truth_has_its_past(hub, tmp_path):
    folder, data, _ = hub
    name, date = sorted(data.truth["location"].unique())[0], str(DATES[-1].date())
    truth = data.truth.assign(location=data.truth["location"].replace({name: "written otherwise"}))
    write(tmp_path, data.truth)
    truth.to_csv(tmp_path / "toy_truth.csv", index=False)
    same = kf.hub(tmp_path, dates=[date], renamed={"written otherwise": name}).quantiles
    whole = kf.hub(folder, dates=[date]).quantiles
    pd.testing.assert_frame_equal(same, whole)
    assert not kf.hub(tmp_path, dates=[date]).quantiles.equals(whole)


def revised(dates=8, share=0.8, noise=0.0, seed=0):
    """Return vintages whose newest week holds a share of what it will hold a week later."""
    generator = np.random.default_rng(seed)
    weeks, parts = pd.date_range("2024-09-07", periods=dates + 3, freq="7D"), []
    table = pd.DataFrame([(week, place) for week in weeks for place in "ab"], columns=["time", "location"])
    table = table.assign(target="flu", value=generator.uniform(5, 20, len(table)))
    for date in weeks[3:]:
        part = table[table["time"] < date].assign(reference_date=date)
        newest = part["time"] == part["time"].max()
        part.loc[newest, "value"] *= share + noise * generator.standard_normal()
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def newest(vintages):
    return vintages[vintages["time"] == vintages.groupby("reference_date")["time"].transform("max")]


def test_the_newest_values_are_corrected_by_what_earlier_vintages_were_revised_by():
    plain = revised()
    found = corrected(plain)
    assert found.drop(columns="value").equals(plain.drop(columns="value"))
    ratio = newest(found)["value"] / newest(plain)["value"]
    assert np.allclose(ratio[:8], 1)  # fewer than four earlier vintages
    assert np.allclose(ratio[8:], 1 / 0.8)
    older = plain.index.difference(newest(plain).index)
    assert np.allclose(found.loc[older, "value"], plain.loc[older, "value"])


def test_revisions_within_their_error_correct_nothing_and_larger_ones_are_shrunk():
    aged = revised(noise=0.1, share=0.9, seed=1)
    aged = aged.assign(age=((aged.groupby("reference_date")["time"].transform("max") - aged["time"]).dt.days // 7))
    last = aged["reference_date"].max()
    row = factors(aged[aged["reference_date"] < last], aged[aged["reference_date"] == last]).loc[("flu", 0)]
    assert 1 < row["factor"] < row["ratio"]
    assert row["factor"] - 1 == pytest.approx(
        (row["ratio"] - 1) * (1 - (row["standard_error"] / (row["ratio"] - 1)) ** 2)
    )
    noise = revised(noise=0.3, share=1.0, seed=4)
    assert np.allclose(newest(corrected(noise))["value"], newest(noise)["value"])


def test_corrections_of_a_vintage_depend_on_no_later_one():
    date = revised()["reference_date"].unique()[5]
    plain, other = revised(), revised()
    later = other["reference_date"] > date
    other.loc[later, "value"] = np.random.default_rng(3).uniform(0, 100, later.sum())
    one, two = (corrected(each) for each in (plain, other))
    assert one["value"][~later].to_numpy().tobytes() == two["value"][~later].to_numpy().tobytes()
    assert not np.allclose(one["value"][later], two["value"][later])


def test_models_with_and_without_corrections_are_forecast_side_by_side(hub, monkeypatch):
    _, data, found = hub
    models = {name: PanelSettings(experts=("persistence",), revisions=name == "b") for name in "ab"}
    monkeypatch.setattr(run, "corrected", lambda vintages: vintages.assign(value=2 * vintages["value"]))
    made = forecast_dates(data.only(DATES[:1]), SETTINGS.model_copy(update={"models": models}))
    plain = found[(found["model"] == "koopflow-persistence") & (found["reference_date"] == DATES[0])]
    a, b = (made[made["model"] == f"koopflow-{name}"] for name in "ab")
    assert np.array_equal(a["value"], plain["value"])
    medians = [each[each["quantile"] == 0.5]["value"].mean() for each in (a, b)]
    assert 1.5 < medians[1] / medians[0] < 2.5


def test_the_error_of_a_revision_is_that_of_a_ratio_over_vintages():
    weeks = pd.date_range("2024-09-07", periods=4, freq="7D")
    place = pd.DataFrame({"time": weeks, "location": "north", "target": "flu"})
    earlier = place.assign(reference_date=weeks, age=0, value=10.0)
    found = factors(earlier, place.assign(value=[11.0, 11.0, 12.0, 10.0])).iloc[0]
    error = np.sqrt((0 + 0 + 1 + 1) * 4 / 3) / 40
    assert [found["ratio"], found["standard_error"], found["n"]] == pytest.approx([1.1, error, 4])
    assert found["factor"] == pytest.approx(1 + 0.1 * (1 - (error / 0.1) ** 2))
