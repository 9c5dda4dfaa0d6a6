"""Colours of the picture, for light and dark, told apart by colour-blind eyes.

The base is Okabe and Ito's palette (jfly.uni-koeln.de/color). Reasons are also told apart by shape
(a block where energy flows, a thin bar where none does) and by their words.
"""

from custom_components.smart_charging.core.schedule import Reason

type Shades = tuple[str, str]
"""The colour on light and on dark paper."""

WHITE, BLACK = "#ffffff", "#101318"

PAPER: Shades = ("#ffffff", "#14171c")
PANEL: Shades = ("#f3f5f8", "#1d222a")
NIGHT: Shades = ("#e9edf4", "#0c0e12")
GRID: Shades = ("#d5dbe3", "#333b46")
AXIS: Shades = ("#8b95a1", "#6b7684")
DIM: Shades = ("#5b6470", "#a3adb9")
INK: Shades = ("#1b1f24", "#eceff2")
ALARM: Shades = ("#b3261e", "#ff8a80")
GOOD: Shades = ("#00785a", "#4fd1a5")

BLUE: Shades = ("#2f78b7", "#5aa2df")
DEEP_BLUE: Shades = ("#1d4e89", "#3d7cc9")
SKY: Shades = ("#9fcdf0", "#2f5f86")
YELLOW: Shades = ("#ecb613", "#f2c94c")
GREEN: Shades = ("#009e73", "#35c79c")
GREY: Shades = ("#66717d", "#77828f")
ORANGE: Shades = ("#d55e00", "#f0803c")
CRIMSON: Shades = ("#c2304a", "#f0708a")
PURPLE: Shades = ("#7a4fa3", "#b48ade")
PINK: Shades = ("#cc79a7", "#e59cc4")
OLIVE: Shades = ("#808a14", "#b8c344")
IDLE: Shades = ("#c3cad3", "#4a535f")
FAINT: Shades = ("#dde2e8", "#313842")

CARS: tuple[Shades, ...] = (
    ORANGE,
    PINK,
    ("#8a5a33", "#c08a5c"),
    ("#a99bd8", "#cabff0"),
    OLIVE,
    ("#e79a7c", "#f2b79f"),
    ("#1f6f78", "#55b3bd"),
    PURPLE,
    DEEP_BLUE,
    CRIMSON,
)
"""One a car, again from the first after the last."""

REASONS: dict[Reason, Shades] = {
    Reason.CHEAP: ("#3aa4ec", "#5c96dd"),
    Reason.SUN: ("#f8b604", "#f5e2a8"),
    Reason.GOAL: ("#742b1d", "#b02d1c"),
    Reason.MINIMUM_SOC: ("#de6a5c", "#d97070"),
    Reason.PEAK: ("#5f2e82", "#8f35c8"),
    Reason.LIMIT: ("#293339", "#8e9bab"),
    Reason.NEGATIVE_PRICE: ("#12dd78", "#12e37a"),
    Reason.HELP: ("#ac710e", "#bf8a04"),
    Reason.FEED_HOUSE: ("#0c7578", "#c7eef2"),
    Reason.STORE: ("#2448e6", "#3a38ff"),
    Reason.WAITING: IDLE,
    Reason.HOLD: IDLE,
    Reason.REACHED: FAINT,
    Reason.NO_GOAL: FAINT,
    Reason.UNPLUGGED: FAINT,
}
"""Found by a search: any two of those where energy flows are at least 13 apart in CIE L*a*b*, also
as seen with each of the three kinds of colour blindness (Machado and others, 2009)."""

OTHER_REASON: Shades = PINK
"""Reasons without a colour of their own."""

SERIES: dict[str, Shades] = {
    "import": BLUE,
    "export": SKY,
    "pv": YELLOW,
    "battery": GREEN,
    "house": GREY,
}


def car_class(number: int) -> str:
    """Return the class of a car's colour."""
    return f"car{number % len(CARS)}"


def reason_class(reason: Reason) -> str:
    """Return the class of a reason's colour."""
    return f"why-{reason.value}" if reason in REASONS else "why-other"


def style_sheet() -> str:
    """Return the styles of a picture: light, and dark where the viewer prefers it."""
    fixed = (
        "text{font-family:system-ui,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}"
        ".bold{font-weight:600}"
        ".halo{paint-order:stroke;stroke-width:4;stroke-linejoin:round}"
        ".thin{fill:none;stroke-width:1}.wide{fill:none;stroke-width:2;stroke-linejoin:round}"
        ".dashed{stroke-dasharray:5 4}.dotted{stroke-dasharray:1.5 4;stroke-linecap:round}"
        ".soft{fill-opacity:.16}.hatched{fill:url(#hatch)}.dense{fill:url(#dense)}"
    )
    return fixed + _theme(0) + "@media (prefers-color-scheme:dark){" + _theme(1) + "}"


def _words_on(shades: Shades) -> Shades:
    """Return the colours of words on a coloured block: the one that stands out more."""

    def words(colour: str) -> str:
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        # Relative luminance by WCAG 2; black and white contrast alike at 0.18.
        light = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
        return BLACK if light > 0.25 else WHITE

    return words(shades[0]), words(shades[1])


def _theme(dark: int) -> str:
    reasons = {f"why-{reason.value}": shades for reason, shades in REASONS.items()}
    reasons["why-other"] = OTHER_REASON
    fills: dict[str, Shades] = {
        "ink": INK,
        "dim": DIM,
        "paper": PAPER,
        "panel": PANEL,
        "night": NIGHT,
        "alarm": ALARM,
        "good": GOOD,
        "line-hatch": GRID,
        "line-dense": PAPER,
        **SERIES,
        **{f"car{i}": shades for i, shades in enumerate(CARS)},
        **reasons,
        **{f"on-{name}": _words_on(shades) for name, shades in reasons.items()},
    }
    strokes: dict[str, Shades] = {
        "grid": GRID,
        "axis": AXIS,
        "edge": PAPER,
        "halo": PANEL,
        "s-export-line": GREY,
        "s-ink": INK,
        "s-alarm": ALARM,
        **{f"s-{name}": shades for name, shades in SERIES.items()},
        **{f"s-car{i}": shades for i, shades in enumerate(CARS)},
    }
    return "".join(
        [f".{name}{{fill:{shades[dark]}}}" for name, shades in fills.items()]
        + [f".{name}{{stroke:{shades[dark]}}}" for name, shades in strokes.items()]
    )
