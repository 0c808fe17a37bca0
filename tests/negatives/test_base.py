import hashlib
from collections import Counter

from ahnpl_cli.negatives.base import Draw


def test_draws_are_those_of_their_key_alone():
    first = [Draw(0, "a", "object").uniform() for _ in range(3)]
    assert len(set(first)) == 1
    draw = Draw(0, "a", "object")
    many = [draw.uniform() for _ in range(50)]
    assert many[0] == first[0] and len(set(many)) == 50
    assert Draw(1, "a", "object").uniform() != first[0] != Draw(0, "b", "object").uniform()


def test_draws_are_the_hash_of_their_key():
    digest = hashlib.blake2b(b"0\x1fid\x1frelation" + bytes(4), digest_size=64).digest()
    last = int.from_bytes(digest[56:], "little")
    assert Draw(0, "id", "relation").uniform() == (last >> 11) / 2**53


def test_keys_do_not_run_into_each_other():
    assert Draw("a", "bc").uniform() != Draw("ab", "c").uniform()


def test_order_gives_everything_once_and_follows_the_weights():
    assert sorted(Draw(1).order(range(9))) == list(range(9))
    firsts = Counter(next(Draw(n).order("ab", [3.0, 1.0])) for n in range(2000))
    assert 1420 < firsts["a"] < 1580
