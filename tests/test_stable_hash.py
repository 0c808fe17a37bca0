"""Seeded choices depend on their key and on nothing else; the bytes are pinned."""

import hashlib
from collections import Counter

import pytest

from ahnpl_cli.stable_hash import RandomStream, stable_hash, stable_rng


def test_the_hash_is_the_digest_of_the_joined_parts() -> None:
    key = b"7\x1fcat\x1frelation"
    blake = hashlib.blake2b(key, digest_size=8).digest()
    assert stable_hash(7, "cat", "relation") == int.from_bytes(blake, "big")
    sha = hashlib.sha256(key).digest()[:8]
    assert stable_hash(7, "cat", "relation", digest="sha256") == int.from_bytes(sha, "big")


def test_where_one_part_ends_matters() -> None:
    assert stable_hash("a b", "c") != stable_hash("a", "b c")


def test_a_lone_surrogate_is_hashed_like_any_text() -> None:
    assert stable_hash("\ud800") != stable_hash("\ud801")


def test_generators_of_one_key_agree_and_of_two_keys_differ() -> None:
    assert stable_rng(1, "a").random() == stable_rng(1, "a").random()
    assert stable_rng(1, "a").random() != stable_rng(2, "a").random()
    # Without a separator these two keys would be one.
    assert stable_rng(1, "1a").random() != stable_rng(11, "a").random()


def test_a_stream_is_pinned_and_stays_in_range() -> None:
    stream = RandomStream(0, "cat", "object")
    numbers = [stream.uniform() for _ in range(1000)]
    block = hashlib.blake2b(b"0\x1fcat\x1fobject" + bytes(4), digest_size=64).digest()
    assert numbers[0] == (int.from_bytes(block[56:], "little") >> 11) / 2**53
    assert all(0 <= number < 1 for number in numbers)
    assert sum(numbers) / 1000 == pytest.approx(0.5, abs=0.05)


def test_an_order_holds_every_item_once_and_follows_the_weights() -> None:
    first = Counter()
    for seed in range(2000):
        drawn = list(RandomStream(seed).order("abc", [6, 3, 1]))
        assert sorted(drawn) == ["a", "b", "c"]
        first[drawn[0]] += 1
    assert first["a"] / 2000 == pytest.approx(0.6, abs=0.04)
    assert first["b"] / 2000 == pytest.approx(0.3, abs=0.04)
