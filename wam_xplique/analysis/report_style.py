"""The look of a report: dark text on light, one column on a phone, two on a wide screen."""

STYLE = """
:root { color-scheme: light; --ink: #1d1a20; --soft: #5c5661; --line: #ddd8e0; --bar: #b5367a;
  --alarm: #8a3b00; --alarm-bed: #fff3e3; }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0 auto; padding: 1rem clamp(1rem, 4vw, 3rem) 4rem; max-width: 92rem;
  background: #fff; color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
h1 { margin: 1rem 0 .5rem; font-size: 1.8rem; line-height: 1.2; }
h2 { margin: 0 0 .75rem; font-size: 1.3rem; line-height: 1.3; overflow-wrap: anywhere; }
a { color: #7a1f6d; }
:focus-visible { outline: 2px solid #7a1f6d; outline-offset: 2px; }
section, details, article { margin-top: 2rem; }
article { padding: 1.25rem; border: 1px solid var(--line); border-radius: .6rem;
  scroll-margin-top: 1rem; }
.facts { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 0; }
.facts dt, caption, thead th { color: var(--soft); font-size: .85rem; font-weight: 400; }
.facts dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.sheet { display: grid; gap: 1.5rem 3rem; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
.sheet > * { min-width: 0; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { padding-bottom: .25rem; text-align: left; }
th, td { padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
tbody th { font-weight: 600; }
.scales th[scope=row], .scales td > span { white-space: nowrap; }
.scales td > .flag { display: block; white-space: normal; }
.scales td:nth-child(2) { width: 55%; }
.scales td:last-child:nth-child(2) { width: 80%; }
.track { position: relative; display: inline-block; width: calc(100% - 3.5rem); height: 1.2rem;
  margin-right: .5rem; vertical-align: -.35rem;
  background: linear-gradient(#f1eef3 .75rem, transparent 0); }
.bar { position: absolute; top: 0; left: 0; height: .75rem; background: var(--bar); }
.spread, .middle { position: absolute; background: var(--ink); }
.spread { top: .98rem; height: 2px; min-width: 2px; }
.middle { top: .8rem; width: 2px; height: calc(.36rem + 2px); margin-left: -1px; }
.flag { color: var(--alarm); font-weight: 600; }
.flag::before, .warnings li::before { content: "\\26A0\\FE0E\\00A0"; }
.warnings { margin: 0 0 1rem; padding: .6rem 1rem; border-left: .3rem solid var(--alarm);
  background: var(--alarm-bed); list-style: none; }
.inputs th, .inputs td { overflow-wrap: anywhere; }
.inputs .flag { display: block; }
.pictures { display: grid; gap: 1rem; margin-top: 1.25rem; grid-auto-flow: dense;
  grid-template-columns: repeat(auto-fill, minmax(min(45%, 9.5rem), 1fr)); }
figure { margin: 0; min-width: 0; }
figure.large { grid-area: span 2 / span 2; }
figure.wide, figure.whole { grid-column: 1 / -1; }
img { display: block; width: 100%; height: auto; }
.wide img { min-width: 44rem; }
.whole img { max-width: 60rem; min-width: 34rem; }
figcaption { margin-top: .35rem; color: var(--soft); font-size: .85rem; line-height: 1.35; }
figcaption strong { display: block; color: var(--ink); }
summary { cursor: pointer; }
summary h2 { display: inline; }
.ramp { display: flex; align-items: center; gap: .6rem; font-size: .85rem; }
.colors { flex: 0 1 12rem; height: .8rem; background: linear-gradient(to right,
  #000004, #3b0f70, #8c2981, #de4968, #fe9f6d, #fcfdbf); border: 1px solid var(--line); }
.guide { columns: 2 24rem; column-gap: 3rem; }
.guide dt { font-weight: 600; break-after: avoid; }
.guide dd { margin: 0 0 .75rem; break-inside: avoid; }
.back { margin: 1rem 0 0; font-size: .85rem; }
@media (max-width: 40rem) { article { padding: 1rem .75rem; } }
@media print { article { break-inside: avoid; border: 0; padding: 0; } .back { display: none; } }
"""
