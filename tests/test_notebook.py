"""What notebooks call: parameters as papermill passes them on, figures, sentences."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from papermill.translators import PythonTranslator

from mnistlib import notebook
from mnistlib.base import UserError
from mnistlib.model import find
from mnistlib.notebook import check, folder, whole


def names(papermill=None, **values):
    """A notebook's globals: its parameters, of which papermill was given some."""
    return {"In": ["", PythonTranslator.codify(papermill or {})], **values}


def test_good_parameters_come_back_in_their_final_form(tmp_path):
    paths = {"PAPERMILL_INPUT_PATH": "a\nx = 1", "PAPERMILL_OUTPUT_PATH": "b"}  # --inject-paths
    values = names({"model": "mlp", **paths}, model="mlp", epochs=3, runs="new", out="", x=1)
    rules = {"model": find, "epochs": whole(), "runs": folder(), "out": folder(tmp_path)}
    given = check(values, **rules)
    assert vars(given) == {"model": "mlp", "epochs": 3, "runs": Path("new"), "out": tmp_path}


def test_a_misspelt_parameter_is_named_beside_the_right_one_in_one_line():
    namespace = names({"modle": "mlp"}, model="lenet5", modle="mlp")
    with pytest.raises(UserError, match=r"'modle'.*Did you mean 'model'.*Valid: m") as caught:
        check(namespace, model=find)
    assert len(caught.value._render_traceback_()) == 1


NO_NUMBERS = ("3", 3.0, True, -1, None, 2**32)


@pytest.mark.parametrize(
    ("value", "rule", "told"),
    [
        *((value, whole(), "expected a whole number from 0 to 4294967295") for value in NO_NUMBERS),
        ("no", folder(exists=True), "there is no such folder"),
        ("file", folder(), "file is no folder; give"),
        ("file", folder(exists=True), "there is no such folder"),
        ("", folder("file/x"), "file is no folder; give"),
        (3, folder(), "expected the path of a folder"),
        ("lenet", find, "Did you mean 'lenet5'"),
    ],
)
def test_what_cannot_be_used_is_refused_before_work_begins(
    value, rule, told, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(UserError, match=f"given=.*{told}"):
        check(names(given=value), given=rule)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.fixture
def displayed(monkeypatch):
    shown = []
    record = lambda data, metadata=None, raw=False: shown.append((data, metadata))  # noqa: E731
    monkeypatch.setattr(notebook, "display", record)
    return shown


def test_show_displays_picture_then_caption_and_closes_the_figure(displayed, tmp_path):
    fig = plt.figure(figsize=(2, 1))
    notebook.show(fig, "02_curves.png", "It rises to 9%; n = 3.", "A line", tmp_path)
    (picture, metadata), (caption, _) = displayed
    assert picture["text/plain"] == metadata["image/png"]["alt"] == "A line"
    assert caption.data == "**Figure.** It rises to 9\u00a0%; n = 3."
    assert not plt.fignum_exists(fig.number)
    notebook.show(Figure(figsize=(2, 1)), "02_again.png", "c", "a", tmp_path)
    png = (tmp_path / "02_curves.png").read_bytes()
    assert b"Software" not in png
    assert png == (tmp_path / "02_again.png").read_bytes()


def test_no_line_breaks_inside_a_number_or_a_name_or_after_a_plus():
    text = "LeNet-5 + affine, 1% to 2 %, 1 + 2"
    assert notebook.typeset(text) == "LeNet\u20115 +\u00a0affine, 1\u00a0% to 2\u00a0%, 1 + 2"


@pytest.mark.parametrize("name", ["curves.png", "02_curves", "../02_a.png", "02_A.png"])
def test_show_refuses_other_names(name):
    with pytest.raises(UserError, match="expected one like '02_curves"):
        notebook.show(Figure(), name, "c", "a")


def test_banner_speaks_of_the_sample_only(displayed):
    for name in ("MNIST", "samples", "sample", "sample, validation split"):
        notebook.banner(SimpleNamespace(name=name))
        notebook.banner([SimpleNamespace(dataset={"name": name})])
    assert ["not MNIST" in said.data for said, _ in displayed] == [True] * 4
