"""Parameters of notebooks: what papermill passes on, and what is made of it."""

from pathlib import Path

import pytest

from mnistlib.base import UserError
from mnistlib.report.parameters import ParameterError, check, choice, flag, folder, whole


def names(*injected, **values):
    return {"In": ["", *injected], **values}


def test_good_parameters_come_back_in_their_final_form(tmp_path):
    given = check(
        names(model="mlp", epochs=3, quick=True, out_dir=""),
        model=choice(["lenet5", "mlp"]),
        epochs=whole(0),
        quick=flag(),
        out_dir=folder(tmp_path),
    )
    assert vars(given) == {"model": "mlp", "epochs": 3, "quick": True, "out_dir": tmp_path}


def test_a_misspelt_parameter_is_named_beside_the_right_one():
    namespace = names("# Parameters\nmodle = 'mlp'\n", model="lenet5", modle="mlp")
    with pytest.raises(ParameterError, match=r"'modle'.*Did you mean 'model'.*Valid: model"):
        check(namespace, model=choice(["lenet5", "mlp"]))


def test_names_that_papermill_did_not_set_are_no_parameters():
    namespace = names("# Parameters\nmodel = 'mlp'\n", model="mlp", MODELS=["mlp"], other=1)
    assert check(namespace, model=choice(["mlp"])).model == "mlp"


@pytest.mark.parametrize("value", ["3", 3.0, True, -1, None, 2**32])
def test_what_is_no_whole_number_in_range_is_refused(value):
    with pytest.raises(ParameterError, match=r"seed=.*expected a whole number from 0 to 42949"):
        check(names(seed=value), seed=whole())


def test_a_number_out_of_range_is_told_with_the_way_out():
    told = "epochs=10001: expected a whole number from 0 to 10000; give one, as in -p epochs 0"
    with pytest.raises(ParameterError, match=f"^{told}$"):
        check(names(epochs=10_001), epochs=whole(0, 10_000))


@pytest.mark.parametrize("value", ["false", 0, 1, None])
def test_what_is_no_truth_value_is_refused(value):
    with pytest.raises(ParameterError, match="expected True or False"):
        check(names(quick=value), quick=flag())


def test_a_folder_must_exist_where_it_is_read(tmp_path):
    with pytest.raises(ParameterError, match="there is no such folder"):
        check(names(data_dir=str(tmp_path / "no")), data_dir=folder(exists=True))
    assert check(names(data_dir="new"), data_dir=folder()).data_dir == Path("new")


def test_a_file_is_no_folder_to_write_to(tmp_path):
    path = tmp_path / "file"
    path.touch()
    for rule in (folder(), folder(exists=True)):
        with pytest.raises(
            ParameterError, match="expected a folder, found a file; give its folder"
        ):
            check(names(out_dir=str(path)), out_dir=rule)


def test_a_folder_that_cannot_be_written_to_is_refused_before_work_begins(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    within = tmp_path / "file" / "x"
    for value, rule in ((str(within), folder()), ("", folder(within))):
        with pytest.raises(ParameterError, match=r"out_dir: .*x: .*file is no folder; give"):
            check(names(out_dir=value), out_dir=rule)
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(ParameterError, match=r"out_dir: .*new: .* may not be written to; give"):
        check(names(out_dir=str(tmp_path / "new")), out_dir=folder())
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_the_home_folder_of_nobody_is_refused():
    with pytest.raises(ParameterError, match=r"~nobody-here/x: there is no home folder"):
        check(names(out_dir="~nobody-here/x"), out_dir=folder())


def test_an_error_shows_as_one_line_without_a_traceback():
    with pytest.raises(UserError) as caught:
        check(names(model="resnet"), model=choice(["mlp"]))
    lines = caught.value._render_traceback_()
    assert lines == ["ParameterError: unknown model 'resnet'. Valid: mlp"]
