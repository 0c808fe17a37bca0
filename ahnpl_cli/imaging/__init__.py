"""Pictures that show negative captions: find what an edit names, repaint it, judge the picture."""
