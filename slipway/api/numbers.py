"""Numbers from the trail."""

from ..domain.numbers_report import EnvironmentNumbers, Figures, Folded, NumbersAnswer, Spread

__all__ = ["EnvironmentNumbers", "Figures", "Folded", "NumbersAnswer", "Spread"]
