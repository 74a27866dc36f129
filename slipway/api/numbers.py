"""Numbers from the trail."""

from ..domain.numbers_report import EnvironmentNumbers, Figures, NumbersAnswer, Spread

__all__ = ["EnvironmentNumbers", "Figures", "NumbersAnswer", "Spread"]
