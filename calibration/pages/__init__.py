"""The one builder of HTML pages, used by all three packages: styles, tables, figures, escaping."""
