"""What a note shows of the program that made it, as numbers, and two plain classifiers that guess the program from them."""

import json
import math
import operator
import random
from collections.abc import Callable, Sequence
from statistics import fmean, pstdev

from relay.protocol.event import Event, count_leading_zero_bits, decode_event
from relay.verify.encoding import decode_ring_a

Row = tuple[float, ...]
Guess = Callable[[Row], float]
HOUR_S = 3600
_NAMES = ("e", "t", "d", "title", "response", "ring", "scope", "R", "J", "ringsig", "nonce")
_MEMBERS = ("id", "pubkey", "created_at", "kind", "tags", "content", "sig")
_STEPS, _RATE, _DECAY = 120, 0.5, 0.02
_NEAREST = 9


def list_features(text: str) -> Row:
    """Return the features of a note as it was printed: what the eye passes over, and statistics of what chance drew."""
    event = decode_event(text)
    return (*_describe_json(text), *_describe_tags(event), *_describe_nonce(event), *_describe_numbers(event))


def cross_validate(rows: Sequence[Row], labels: Sequence[int], rng: random.Random, folds: int = 5) -> float:
    """Return the better accuracy of the two classifiers, each taught on the other folds."""
    order = rng.sample(range(len(rows)), len(rows))
    right = [0, 0]
    for fold in range(folds):
        asked = order[fold::folds]
        held_out = set(asked)
        known = [place for place in order if place not in held_out]
        scale = _fit_scale([rows[place] for place in known])
        taught = [(scale(rows[place]), labels[place]) for place in known]
        for number, guess in enumerate((_fit_logistic(taught), _fit_nearest(taught))):
            right[number] += sum((guess(scale(rows[place])) > 0) == (labels[place] == 1) for place in asked)
    return max(right) / len(rows)


def _describe_json(text: str) -> Row:
    """Return how the JSON is written: its order, its spaces, its escapes, its end."""
    members = list(json.loads(text))
    places = [float(members.index(name)) for name in _MEMBERS]
    outside = "".join(json.dumps(text).split('\\"')[::2])
    escapes = [text.count(mark) for mark in ("\\u", "\\n", '\\"', "\\\\", "\\/", "\\b", "\\t")]
    is_raw = float(any(ord(letter) > 0x7F for letter in text))
    return (*places, outside.count(" "), *map(float, escapes), is_raw, float(text != text.strip()), float("\r" in text))


def _describe_tags(event: Event) -> Row:
    names = [tag[0] for tag in event.tags]
    places = [float(names.index(name)) if name in names else -1.0 for name in _NAMES]
    ring = next(tag for tag in event.tags if tag[0] == "ring")
    return (*places, float(len(names)), float(list(ring) == sorted(ring[:1]) + sorted(ring[1:])))


def _describe_nonce(event: Event) -> Row:
    """Return where counting began and how far it went, how the tag is written, and the time."""
    name, nonce, *target = event.tags[-1]
    back = event.created_at % HOUR_S
    return (
        float(name == "nonce"),
        float(len(nonce)),
        float(nonce[0]),
        math.log1p(int(nonce)),
        float(len(target)),
        float(count_leading_zero_bits(event.id)),
        float(back != 0),
        float(event.created_at % 60 != 0),
        float(event.created_at % 7),
        float(event.created_at // HOUR_S % 24),
    )


def _describe_numbers(event: Event) -> Row:
    """Return statistics of c0, the responses, the key image, the outer key and its signature."""
    tags = {tag[0]: tag for tag in event.tags}
    signature = decode_ring_a(tags["ringsig"][1], len(tags["ring"]) - 1)
    firsts = [float(response[0]) for response in signature.responses]
    lasts = [float(response[-1]) for response in signature.responses]
    image = signature.key_image or b"\0\0"
    outer, sig = bytes.fromhex(event.pubkey), bytes.fromhex(event.sig)
    return (
        *(float(signature.c0[0]), float(signature.c0[-1]), float(signature.c0[-1] & 1)),
        float(sum(map(int.bit_count, signature.c0))),
        *(fmean(firsts), max(firsts), min(firsts), pstdev(firsts), fmean(lasts), firsts[0], firsts[-1]),
        *(fmean(sum(map(int.bit_count, response)) for response in signature.responses), float(image[0]), float(image[1])),
        *(float(outer[0]), float(outer[-1] & 1), float(sig[0]), float(sig[32]), float(sig[-1] & 1)),
    )  # fmt: skip


def _fit_scale(rows: Sequence[Row]) -> Callable[[Row], Row]:
    """Return what brings each feature to a mean of 0 and a deviation of 1."""
    columns = list(zip(*rows, strict=True))
    means, widths = [fmean(column) for column in columns], [pstdev(column) or 1.0 for column in columns]

    def scale(row: Row) -> Row:
        return tuple((value - mean) / width for value, mean, width in zip(row, means, widths, strict=True))

    return scale


def _fit_logistic(taught: Sequence[tuple[Row, int]]) -> Guess:
    weights, bias = [0.0] * len(taught[0][0]), 0.0
    for _ in range(_STEPS):
        slopes, offset = [_DECAY * weight for weight in weights], 0.0
        for row, label in taught:
            error = (1 / (1 + math.exp(-_bound(_multiply(weights, row) + bias))) - label) / len(taught)
            offset += error
            slopes = [slope + error * value for slope, value in zip(slopes, row, strict=True)]
        weights = [weight - _RATE * slope for weight, slope in zip(weights, slopes, strict=True)]
        bias -= _RATE * offset
    return lambda row: _multiply(weights, row) + bias


def _fit_nearest(taught: Sequence[tuple[Row, int]]) -> Guess:
    def guess(asked: Row) -> float:
        nearest = sorted((math.dist(row, asked), label) for row, label in taught)[:_NEAREST]
        return sum(label for _, label in nearest) - _NEAREST / 2

    return guess


def _multiply(weights: Sequence[float], row: Row) -> float:
    return math.fsum(map(operator.mul, weights, row))


def _bound(value: float) -> float:
    return max(-30.0, min(30.0, value))
