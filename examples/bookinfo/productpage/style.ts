// The page's style sheet: one column on a phone, two on a desk, light or dark as the reader's system.

export const style = `
:root { --ink: #1d2330; --soft: #5d6678; --paper: #f6f4ef; --card: #fff; --line: #e3ded2; --accent: #2f5bd7;
  color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { :root { --ink: #e9e6df; --soft: #9aa3b5; --paper: #14171f; --card: #1d222d;
  --line: #2d3442; --accent: #8aa8ff; } }
* { box-sizing: border-box; margin: 0 }
body { background: var(--paper); color: var(--ink); min-height: 100vh }
header { display: flex; flex-wrap: wrap; gap: 12px 24px; justify-content: space-between; align-items: center;
  padding: 14px max(20px, calc(50vw - 480px)); border-bottom: 1px solid var(--line); background: var(--card) }
.brand { font: 600 22px Georgia, serif; color: inherit; text-decoration: none } .brand b { color: var(--accent) }
a { color: var(--accent) }
input, button { font: inherit; padding: 6px 12px; border: 1px solid var(--line); border-radius: 8px;
  background: var(--paper); color: inherit }
input { width: 9em } button { background: var(--accent); color: var(--card); border: 0; margin-left: 8px; cursor: pointer }
main, footer { max-width: 1000px; margin: 0 auto; padding: 40px 20px 0 }
.hero { display: grid; grid-template-columns: 220px 1fr; gap: 40px; align-items: start; margin-bottom: 44px }
.cover { aspect-ratio: 2 / 3; border-radius: 6px 14px 14px 6px; padding: 26px 22px; color: #fdf6e3; display: flex;
  flex-direction: column; justify-content: space-between; font: 600 27px/1.15 Georgia, serif;
  background: linear-gradient(100deg, #16295e 0 5%, #2446a5 5.5% 60%, #1b3787); box-shadow: 0 18px 40px #0003 }
.cover i { font-size: 15px; font-weight: 400; opacity: .85 }
.kind { color: var(--soft); text-transform: uppercase; letter-spacing: .12em; font-size: 12px }
h1 { font: 600 42px/1.15 Georgia, serif; margin: 6px 0 14px } h2 { font: 600 26px Georgia, serif; margin-bottom: 16px }
.lead { color: var(--soft); max-width: 56ch }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(140px, 1fr)); gap: 14px 24px; margin-top: 26px }
dt { font-size: 12px; color: var(--soft); text-transform: capitalize } dd { font-weight: 600 }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(280px, 1fr)); gap: 20px }
article, .failure { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: 22px }
blockquote { margin-bottom: 12px } cite { color: var(--soft); font-style: normal; font-size: 14px }
.stars { font-size: 22px; letter-spacing: 3px; margin-bottom: 8px } .stars.red { color: #d8343c }
.missing { color: #b4690e; font-size: 14px; margin-bottom: 8px }
.failure { border-color: #d8343c; margin-top: 20px; display: grid; gap: 4px } .failure span { color: var(--soft) }
.from { margin-top: 18px; color: var(--soft); font-size: 14px }
.version { padding: 2px 10px; border-radius: 99px; background: #5d6678; color: #fff; font-size: 12px }
.version.v2 { background: #1d2330 } .version.v3 { background: #d8343c }
footer { color: var(--soft); font-size: 14px; padding-bottom: 40px }
@media (max-width: 700px) { .hero { grid-template-columns: 1fr } .cover { max-width: 190px } h1 { font-size: 34px } }
`;
