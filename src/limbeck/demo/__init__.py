"""A drawn crawl with known truth: teapots in six modes, planted outliers, broken files.

Nothing here is imported by training, scoring or thresholds; the truth serves measuring alone.
"""

from limbeck.demo.crawl import CrawlRow as CrawlRow
from limbeck.demo.crawl import CrawlTruth as CrawlTruth
from limbeck.demo.crawl import draw_crawl as draw_crawl
from limbeck.demo.crawl import read_crawl as read_crawl

__all__ = ["CrawlRow", "CrawlTruth", "draw_crawl", "read_crawl"]
