#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""html_balance: every tag of an HTML page is closed, in order. usage: html_balance PAGE"""

import html.parser
import sys

VOID = {"meta", "img", "br"}


class Balance(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.wrong = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"line {self.getpos()[0]}: </{tag}>")


page = Balance()
with open(sys.argv[1], encoding="utf-8") as file:
    page.feed(file.read())
for fault in page.wrong[:5] + page.open[:5]:
    print(fault)
sys.exit(1 if page.wrong or page.open else 0)
