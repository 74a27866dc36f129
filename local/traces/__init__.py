"""A small OTLP receiver with a viewer, in place of Azure's collector and Application Insights. See README.md."""
