import numpy as np
import pytest

from tests import kills


@pytest.mark.parametrize("kind", ["download", "cache", "train"])
def test_work_that_is_killed_twice_comes_to_the_same_end(kind):
    wanted, seconds = kills.undisturbed(kind)
    chance, killed = np.random.default_rng(1), 0
    while killed < 2:  # it may come through before its moment
        done, problems = kills.disturbed(kind, wanted, seconds, chance, most=2)
        assert problems == []
        killed += done


def test_the_campaign_would_notice_a_file_that_is_half_written(tmp_path):
    (tmp_path / "raw").mkdir()
    name, content = next(iter(kills.contents().items()))
    (tmp_path / "raw" / f"{name}.gz").write_bytes(kills.gzip.compress(content[:-1]))
    assert kills.broken("download", tmp_path) == f"{name}.gz is not what the mirror has"
    assert kills._look("download", tmp_path, {"gone"})[0] == "lost: ['gone']"
