"""Edge filters on a picture (section 7.6.1, figure 7-25): what the first layer of a convolutional network looks for.

A house is drawn, and ``conv2d`` slides four filters of 5 × 5 over it. Two are made by hand: one answers to vertical
edges, where bright stands beside dark, the other to horizontal ones. The other two were learned: of the first layer of
a SimpleConvNet that was trained for a few seconds on the digits of the package, those that resemble the two most.
The book prints no number; here it is checked that the filters answer most where the house's edges were drawn, to within
the pixel that lies on either side of an edge.
"""

from __future__ import annotations

import numpy as np
from _common import compare, images, new_figure, parser, save

import tinygrad_jp
from tinygrad_jp import conv2d, no_grad, optim, softmax_cross_entropy
from tinygrad_jp.data import DataLoader
from tinygrad_jp.nn.models import SimpleConvNet
from tinygrad_jp.viz import plots

SIDE, FINER = 240, 3  # pixels of the picture, and how many times finer it is drawn
LEFT_OF_WINDOW, ABOVE_LAWN = slice(44, 56), slice(160, 170)  # columns and rows without smaller things in them
ROOF_AND_LAWN, DOOR = (100, 200), (98, 122)  # rows and columns of the edges that are drawn there
HORIZONTAL = np.repeat([1.0, 0.5, 0.0, -0.5, -1.0], 5).reshape(5, 5) / 7.5  # bright above, dark below
EDGES = {"vertical edges": HORIZONTAL.T, "horizontal edges": HORIZONTAL}


def picture() -> np.ndarray:
    """Draw a house between lawn and sky: shape (240, 240), from 0 (black) to 1 (white)."""
    y, x = (np.mgrid[: SIDE * FINER, : SIDE * FINER] + 0.5) / FINER
    light = 0.45 + 0.2 * y / SIDE  # the sky, brighter towards the horizon

    def box(top: float, bottom: float, left: float, right: float) -> np.ndarray:
        return (y >= top) & (y < bottom) & (x >= left) & (x < right)

    def disc(y0: float, x0: float, radius: float) -> np.ndarray:
        return np.hypot(y - y0, x - x0) < radius

    def paint(where: np.ndarray, shade: np.ndarray | float) -> None:
        light[where] = np.broadcast_to(shade, where.shape)[where]

    for y0, x0, radius in ((38, 190, 14), (34, 208, 17), (42, 224, 12), (30, 36, 16)):  # a cloud and the sun
        paint(disc(y0, x0, radius), 0.85 - 0.008 * (y - y0))
    paint(y > 190, 0.42 - 0.002 * (y - 190))  # the lawn
    paint(box(48, 95, 140, 156), 0.3)  # the chimney
    paint((y >= 60) & (y < 100) & (np.abs(x - 110) < 20 + 1.55 * (y - 60)), 0.2 + 0.04 * (y // 5 % 2))  # the roof
    paint(box(100, 200, 40, 180), 0.95 - 0.001 * (x - 40))  # the wall
    for left in (58, 134):
        paint(box(120, 152, left, left + 28), 1.0)  # a window's frame
        paint(box(123, 149, left + 3, left + 25), 0.15 + 0.01 * (y - 123))  # its pane
        paint(box(135, 137, left, left + 28) | box(120, 152, left + 13, left + 15), 1.0)  # its bars
    paint(box(145, 200, 98, 122), 0.33)  # the door
    paint(disc(174, 117, 2), 0.9)
    paint(box(165, 212, 207, 213), 0.2)  # a tree
    for y0, x0, radius in ((150, 210, 21), (130, 203, 15), (136, 221, 13)):
        paint(disc(y0, x0, radius), 0.3 - 0.004 * (x - x0))
    return light.reshape(SIDE, FINER, SIDE, FINER).mean((1, 3))


def learned_filters(epochs: int) -> np.ndarray:
    """Train a SimpleConvNet on the digits of the package; return its first filters, shape (30, 5, 5), of mean 0."""
    digits = images(True, None, flatten=False)
    tinygrad_jp.seed(0)
    net = SimpleConvNet()
    adam = optim.Adam(net.parameters(), lr=0.001)
    loader = DataLoader((digits.x_train, digits.t_train), batch_size=100, shuffle=True)
    for _ in range(epochs):
        for x, t in loader:
            softmax_cross_entropy(net(x), t).backward()
            adam.step()
            adam.zero_grad()
    filters = net.state_dict()["layers.0.weight"][:, 0]
    return filters - filters.mean((1, 2), keepdims=True)  # an evenly bright place then gives 0


def most_alike(filters: np.ndarray, edge: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the filter most like `edge`, or like its opposite (dark before bright), and the cosine of their angle."""
    cosines = (filters * edge).sum((1, 2)) / np.linalg.norm(filters, axis=(1, 2)) / np.linalg.norm(edge)
    best = int(np.abs(cosines).argmax())
    return filters[best], float(cosines[best])


def strongest(profile: np.ndarray) -> tuple[int, int]:
    """Return the two places in the picture where the answers are greatest; the second is not beside the first."""
    first = int(profile.argmax())
    elsewhere = np.abs(np.arange(len(profile)) - first) > 5
    second = int((profile * elsewhere).argmax())
    return min(first, second) + 2, max(first, second) + 2  # the first answer is that of the filter's centre, pixel 2


@plots.style()
def draw(image: np.ndarray, learned: np.ndarray, filters: np.ndarray, responses: np.ndarray) -> object:
    """Draw the picture and the learned filters, each beside two filters and their answers."""
    shades = learned / np.abs(learned).max((1, 2), keepdims=True)
    gaps = np.pad(shades, ((0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    mosaic = gaps.reshape(5, 6, 6, 6).swapaxes(1, 2).reshape(30, 36)[:-1, :-1]
    figure = new_figure(11, 5)
    rows = figure.subplots(2, 5, width_ratios=(2, 1, 2, 1, 2))
    for k, (panels, title, whole) in enumerate(zip(rows, ("picture", "learned filters"), (image, mosaic), strict=True)):
        panels[0].imshow(whole, cmap="gray")
        panels[0].set_title(title)
        for i, name in enumerate(EDGES):
            for axes, values in zip(panels[2 * i + 1 :], (filters[2 * k + i], responses[2 * k + i]), strict=False):
                most = np.quantile(np.abs(values), 0.998)
                axes.imshow(values, cmap="gray", vmin=-most, vmax=most)
            panels[2 * i + 1].set_title("learned" if k else "by hand")
            panels[2 * i + 2].set_title(name)
    for axes in rows.flat:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(True)
    return figure


def main() -> None:
    given = parser(__doc__).parse_args()
    image = picture()
    learned = learned_filters(1 if given.quick else 5)
    found = [most_alike(learned, edge) for edge in EDGES.values()]
    filters = np.stack([*EDGES.values(), *(values for values, _ in found)])
    with no_grad():
        responses = conv2d(image[None, None], filters[:, None]).numpy()[0]

    for kind, (vertical, horizontal) in {"by hand": responses[:2], "learned": responses[2:]}.items():
        columns = strongest(np.abs(vertical[ABOVE_LAWN]).mean(0))
        rows = strongest(np.abs(horizontal[:, LEFT_OF_WINDOW]).mean(1))
        compare(f"{kind}: vertical edges, columns", columns, DOOR, source="drawn")
        compare(f"{kind}: horizontal edges, rows", rows, ROOF_AND_LAWN, source="drawn")
    for name, (_, cosine) in zip(EDGES, found, strict=True):
        compare(f"learned and by hand, {name}: cosine", f"{cosine:.2f}")
    save(draw(image, learned, filters, responses), given.out / "book07_edge_filters.png")


if __name__ == "__main__":
    main()
