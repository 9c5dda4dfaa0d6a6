"""No telegram, however mutated, ends the P1 driver, its link or its place in the stream."""

from benchmarks.fuzz import Tally, fuzz, shares

EXAMPLES = 2000


def test_no_mutation_of_a_telegram_stops_the_readings() -> None:
    tally = Tally()
    for version, examples in shares(EXAMPLES).items():
        fuzz(version, examples, tally)
    assert tally.first == []
    assert (tally.examples, tally.exceptions, tally.swallowed) == (EXAMPLES, 0, 0)
    # The mutants do reach the parser, and it does leave out what it cannot read.
    assert tally.readings > EXAMPLES / 4
    assert tally.missing_parts > EXAMPLES / 20
    assert tally.skipped > EXAMPLES / 20
