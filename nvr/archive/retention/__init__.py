"""What is kept and what is deleted: promises, holds, the clock that ages are measured with, forecasts."""
