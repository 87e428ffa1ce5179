from torch import nn

from mnistlib import ablations
from mnistlib.provenance import TUNED, at_the_edge, provenance


def test_every_technique_with_a_value_to_choose_says_over_what_it_was_tuned():
    frame = provenance().set_index("where")
    assert set(TUNED) == set(ablations.TECHNIQUES) - {"batch norm"}
    assert frame.loc["dropout", "value"] == "0.25"
    assert frame.loc["dropout", "from"] == "tuned over 0.1, 0.25, 0.5"
    assert "0.0005, 1; 0.0001, 0.5; 0.001, 1.5" in frame["from"].str.cat()


def test_batch_norms_values_are_those_of_pytorch():
    stated = provenance().set_index("where").loc["batch norm", "value"]
    layer = nn.BatchNorm2d(6)
    assert stated == f"{layer.momentum}, {layer.eps:g}".replace("1e-05", "1e-5")


def test_a_value_at_the_edge_of_what_was_tried_is_named():
    assert "weight decay" in at_the_edge()  # the least of three
    assert "dropout" not in at_the_edge()  # the middle one
