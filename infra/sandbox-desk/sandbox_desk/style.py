"""The page's style sheet: no font, picture or script from anywhere."""

STYLE = """
:root { color-scheme: light dark; --ground: #f5f6f8; --card: #ffffff; --line: #e3e6eb; --ink: #1b2430;
  --soft: #647082; --accent: #2456c4; --accent-soft: #e8eefb; --good: #10703c; --good-soft: #e1f4e8;
  --bad: #a3341f; --bad-soft: #fbe9e5; }
@media (prefers-color-scheme: dark) { :root { --ground: #12161c; --card: #1a2029; --line: #2b3441;
  --ink: #e6eaf0; --soft: #95a1b3; --accent: #8fb0ff; --accent-soft: #22304d; --good: #7fd6a2;
  --good-soft: #17352a; --bad: #f0a08f; --bad-soft: #40231d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, -apple-system,
  "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "DejaVu Sans", sans-serif; }
main, header > div { max-width: 1180px; margin: 0 auto; padding: 0 24px; }
header { background: var(--card); border-bottom: 1px solid var(--line); }
header > div { display: flex; align-items: center; gap: 4px 12px; min-height: 64px;
  flex-wrap: wrap; padding-block: 12px; }
h1 { font-size: 18px; margin: 0; letter-spacing: -0.01em; }
h1 a { color: inherit; text-decoration: none; }
h2 { font-size: 15px; margin: 0; }
a { color: var(--accent); }
.quiet { color: var(--soft); }
form { margin-left: auto; display: flex; gap: 8px; }
input { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line);
  border-radius: 8px; padding: 7px 12px; width: min(320px, 50vw); }
button { font: inherit; color: var(--card); background: var(--accent); border: 0; border-radius: 8px;
  padding: 7px 16px; cursor: pointer; }
input:focus-visible, button:focus-visible, a:focus-visible { outline: 2px solid var(--accent);
  outline-offset: 2px; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 24px 0; }
dl div, section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
dl div { padding: 12px 16px; }
dt { color: var(--soft); font-size: 13px; }
dd { margin: 0; font-size: 24px; font-weight: 600; font-variant-numeric: tabular-nums; }
dd.alarm { color: var(--bad); }
.rooms { display: grid; grid-template-columns: minmax(0, 5fr) minmax(0, 3fr); gap: 20px; align-items: start;
  margin-bottom: 48px; }
@media (max-width: 900px) { .rooms { grid-template-columns: minmax(0, 1fr); } form { margin-left: 0; } }
section > div { display: flex; justify-content: space-between; align-items: baseline; gap: 12px;
  padding: 14px 18px; border-bottom: 1px solid var(--line); }
table { width: 100%; border-collapse: collapse; table-layout: fixed; }
th { text-align: left; font-size: 12px; font-weight: 500; color: var(--soft); padding: 8px 18px 4px; }
td { padding: 9px 18px; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
tbody tr:first-child td { border-top: 0; }
th.number, td.number { text-align: right; width: 92px; font-variant-numeric: tabular-nums; }
th.state, td.state { width: 132px; }
tr.chosen td { background: var(--accent-soft); }
td small { display: block; color: var(--soft); font-size: 13px; }
.pill { display: inline-block; font-size: 12px; border-radius: 99px; padding: 1px 9px; margin: 0 4px 2px 0;
  max-width: 100%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; vertical-align: top;
  background: var(--ground); color: var(--soft); text-decoration: none; }
h2 .pill { font-weight: 400; margin-left: 6px; }
a.pill { background: var(--accent-soft); color: var(--accent); }
.good { background: var(--good-soft); color: var(--good); }
.bad { background: var(--bad-soft); color: var(--bad); }
.none { padding: 32px 18px; text-align: center; color: var(--soft); margin: 0; }
@media (max-width: 560px) { form { width: 100%; } input { flex: 1; width: auto; }
  .customers thead { display: none; } .customers tr { display: block; padding: 10px 18px;
  border-top: 1px solid var(--line); } .customers tr:first-child { border-top: 0; }
  .customers td, .customers td.state { display: block; width: auto; border: 0; padding: 2px 0; } }
nav { display: flex; justify-content: space-between; padding: 12px 18px; border-top: 1px solid var(--line); }
"""
