"""One offline HTML file for one capture."""
