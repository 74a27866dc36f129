"""A small OTLP receiver with a viewer: what a collector and Application Insights are for in Azure. See README.md."""
