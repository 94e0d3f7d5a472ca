"""Equal shares of work, by number."""

import pytest

from mitodata.cluster.shard import Shard, ShardError


def test_shards_are_equal_shares_that_cover_everything_in_order() -> None:
    for count, of in ((10, 3), (7, 7), (1000, 64)):
        shares = [Shard(number, of).cut(range(count), "images") for number in range(1, of + 1)]
        assert [index for share in shares for index in share] == list(range(count))
        assert max(map(len, shares)) - min(map(len, shares)) <= 1
    with pytest.raises(ShardError, match="at most as many shards as images"):
        Shard(1, 11).cut(range(10), "images")
    for number, of in ((0, 3), (4, 3), (1, 0)):
        with pytest.raises(ShardError, match=f"shard {number}/{of}: expected"):
            Shard(number, of)


def test_a_shard_is_read_as_it_is_written() -> None:
    assert Shard.parse("2/3") == Shard(2, 3)
    assert str(Shard.parse(" 02 / 12")) == "2/12"
    for text in ("", "3", "0/3", "4/3", "1/0", "-1/3", "1/3/4", "a/b", "1/1000000000000", "1.0/3"):
        with pytest.raises(ShardError, match="expected I/N, the Ith of N shards"):
            Shard.parse(text)
