import numpy as np
import pytest

from tests import kills


@pytest.mark.parametrize(("kind", "least"), [("download", 2), ("cache", 2), ("train", 1)])
def test_work_that_is_killed_comes_to_the_same_end(kind, least):
    chance, killed = np.random.default_rng(1), 0
    while killed < least:  # it may come through before its moment
        done, problems = kills.disturbed(kind, chance, most=least)
        assert problems == []
        killed += done


def test_the_campaign_would_notice_a_file_that_is_half_written_and_one_that_is_gone(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "images.gz").write_bytes(kills.contents()["images.gz"][:-1])
    wanted = ["lost: ['gone']", "images.gz is not what the mirror has"]
    assert kills.look(tmp_path, {"gone"}) == wanted
