"""Templates and figures of self-contained pages."""

import pytest
from jinja2 import UndefinedError

from bimodal.rendering.html import environment, inline_figure
from bimodal.rendering.plot import canvas, svg


@pytest.mark.parametrize("package", ["bimodal.report", "bimodal.label_audit", "bimodal.experiments.paper_table"])
def test_every_package_finds_the_shared_templates(package: str) -> None:
    assert {"base.html.j2", "macros.html.j2", "style.css"} < set(environment(package).list_templates())
    assert environment(package).get_template("macros.html.j2").module


def test_missing_values_are_errors() -> None:
    with pytest.raises(UndefinedError):
        environment("bimodal.report").from_string("{{ absent }}").render()


def test_a_figure_and_its_svg_give_the_same_element() -> None:
    with canvas() as (figure, axes):
        axes.plot([0, 1], [0, 1])
    element = inline_figure(figure, "some_lines", 'a "title" <b>')
    assert element == inline_figure(svg(figure), "some_lines", 'a "title" <b>')
    assert 'aria-label="a &quot;title&quot; &lt;b&gt;"' in element
    assert 'id="some-lines-figure_1"' in element
