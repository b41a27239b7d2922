"""The report's page, with places for its parts. Everything is in it: no script, style, font or picture from elsewhere."""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{{TITLE}} · repetitions</title>
<style>
:root{--bg:#f6f7f9;--card:#fff;--ink:#1b2330;--quiet:#667085;--line:#e3e7ee;--rep:#2f9e63;--soft:#d9f0e3;--no:#d9822b;
--left:#1f7ae0;--right:#e0702f;--now:#d6336c}
@media (prefers-color-scheme:dark){:root{--bg:#14181f;--card:#1d232d;--ink:#e8ecf2;--quiet:#98a2b3;--line:#323b48;
--soft:#1f3d2f;--rep:#4fc48a;--no:#e89a4f;--left:#6aaef7;--right:#f19a63}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);
font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1080px;margin:0 auto;padding:20px}header{display:flex;align-items:baseline;gap:12px;flex-wrap:wrap}
h1{font-size:17px;margin:0;overflow-wrap:anywhere}h2{font-size:15px;margin:26px 0 8px}
.quiet{color:var(--quiet);font-size:13px;margin:6px 0}.big{font-size:28px}
.top{display:grid;grid-template-columns:minmax(0,1fr) minmax(220px,340px);gap:16px;margin-top:14px;align-items:stretch}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:16px;min-width:0}
.count{display:flex;align-items:baseline;gap:14px}.count strong{font-size:76px;line-height:1;font-weight:700}
.count span{font-size:22px}.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(92px,1fr));gap:10px;margin:18px 0 6px}
.tiles div{border-left:3px solid var(--line);padding-left:9px}.tiles b{display:block;font-size:17px}
.tiles span{color:var(--quiet);font-size:12px}
#stage{display:flex;flex-direction:column;gap:8px;align-items:center;justify-content:center}#stage[hidden]{display:none}
#stage img{max-width:100%;max-height:330px;border-radius:8px;background:#000;display:block}
#stage .bar{display:flex;gap:8px;width:100%;align-items:center}input[type=range]{flex:1;min-width:0;accent-color:var(--now)}
button{font:inherit;color:inherit;cursor:pointer}#play{border:1px solid var(--line);background:var(--card);border-radius:8px;
width:38px;height:30px;padding:0}#clock{font-variant-numeric:tabular-nums;font-size:13px;color:var(--quiet);width:58px;text-align:right}
.plot{position:relative}.dots{position:relative;height:24px}.dot{position:absolute;transform:translateX(-50%);min-width:22px;height:22px;
padding:0 5px;border-radius:11px;border:0;background:var(--rep);color:#fff;font-size:12px;font-weight:600;line-height:22px}
svg{display:block;width:100%;height:220px;cursor:crosshair;touch-action:none}
rect.rep{fill:var(--soft)}rect.no{fill:var(--no);opacity:.2}.grid{stroke:var(--line);vector-effect:non-scaling-stroke}
.line{fill:none;stroke:var(--left);stroke-width:2;vector-effect:non-scaling-stroke;stroke-linejoin:round}.line.right{stroke:var(--right)}
.stem{stroke:var(--rep);stroke-dasharray:3 3;vector-effect:non-scaling-stroke}#now{stroke:var(--now);stroke-width:2;vector-effect:non-scaling-stroke}
.ticks{position:relative;height:18px;margin-top:-20px;pointer-events:none}.ticks span{position:absolute;transform:translateX(-50%);
font-size:11px;color:var(--quiet)}.ticks span:first-child{transform:none}
.keys{display:flex;gap:14px;flex-wrap:wrap;align-items:center}.key::before{content:"";display:inline-block;width:12px;height:12px;border-radius:3px;
margin-right:6px;vertical-align:-1px;background:var(--left)}.key.right::before{background:var(--right)}.key.rep::before{background:var(--soft);
border:1px solid var(--rep)}.key.no::before{background:var(--no);opacity:.4}
.shots{display:grid;grid-template-columns:repeat(auto-fill,minmax(108px,1fr));gap:8px}.shot{position:relative;border:0;padding:0;background:none}
.shot img{width:100%;height:132px;object-fit:cover;border-radius:8px;display:block}.shot span{position:absolute;left:6px;top:6px;background:var(--rep);
color:#fff;border-radius:10px;min-width:20px;font-size:12px;font-weight:600;line-height:20px;text-align:center}
.wide{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:12px}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}th{font-weight:500;color:var(--quiet);font-size:12px}
th,td{text-align:left;padding:7px 12px;white-space:nowrap}tbody tr{border-top:1px solid var(--line)}tr[data-seek]{cursor:pointer}
tr[data-seek]:hover,tr.here{background:var(--soft)}.bar{min-width:130px}td.bar i{display:inline-block;height:8px;border-radius:4px;
background:var(--rep);max-width:80px;margin-right:8px}td.bar em{font-style:normal}
td.range{min-width:180px;position:relative}td.range i{position:absolute;top:13px;height:8px;border-radius:4px;background:var(--left)}
td.range::before{content:"";position:absolute;left:0;right:0;top:16px;height:2px;background:var(--line)}
footer{color:var(--quiet);font-size:12px;margin-top:28px}
@media (max-width:720px){.top{grid-template-columns:1fr}.count strong{font-size:60px}}
</style></head><body><main>
<header><h1>{{TITLE}}</h1></header>
<div class="top"><section class="card">{{HEAD}}<h2>Movement</h2>{{CURVE}}</section>
<section class="card" id="stage"{{STAGE}}><img id="frame" alt="the clip at the chosen moment">
<div class="bar"><button id="play" aria-label="play or pause">▶</button>
<input id="scrub" type="range" min="0" max="{{DURATION}}" step="0.01" value="0" aria-label="time"><span id="clock"></span></div></section></div>
{{PEAKS}}{{REPS}}{{RANGES}}{{REJECTED}}{{OTHERS}}
<footer>Made by Poise {{VERSION}}. Angles are those seen in the picture; a movement towards the camera looks smaller than it is.</footer>
</main>
<script>
const frames={{FRAMES}},duration={{DURATION}};
const $=id=>document.getElementById(id),img=$("frame"),scrub=$("scrub"),clock=$("clock"),now=$("now"),curve=$("curve"),play=$("play");
let time=0,timer=0,last=0;
function nearest(t){let a=0,b=frames.length-1;while(a<b){const m=(a+b)>>1;frames[m][0]<t?a=m+1:b=m}
return a>0&&t-frames[a-1][0]<frames[a][0]-t?a-1:a}
function show(t){time=Math.max(0,Math.min(duration,t));scrub.value=time;clock.textContent=time.toFixed(2)+" s";
if(frames.length)img.src="data:image/jpeg;base64,"+frames[nearest(time)][1];
if(now){const x=8+time/duration*984;now.setAttribute("x1",x);now.setAttribute("x2",x)}}
function stop(){cancelAnimationFrame(timer);timer=0;play.textContent="\\u25b6"}
function step(stamp){if(last)show(time+(stamp-last)/1000);last=stamp;if(time>=duration){stop();return}timer=requestAnimationFrame(step)}
play.onclick=()=>{if(timer){stop();return}if(time>=duration)show(0);last=0;play.textContent="\\u275a\\u275a";timer=requestAnimationFrame(step)};
scrub.oninput=()=>{stop();show(+scrub.value)};
document.querySelectorAll("[data-seek]").forEach(e=>e.addEventListener("click",()=>{stop();show(+e.dataset.seek)}));
if(curve){const seek=e=>{const r=curve.getBoundingClientRect();stop();show(((e.clientX-r.left)/r.width*1000-8)/984*duration)};
curve.addEventListener("pointerdown",e=>{curve.setPointerCapture(e.pointerId);seek(e)});
curve.addEventListener("pointermove",e=>{if(e.buttons)seek(e)})}
document.addEventListener("keydown",e=>{if(e.target.tagName==="INPUT")return;
if(e.key==="ArrowRight"||e.key==="ArrowLeft"){e.preventDefault();stop();show(time+(e.key==="ArrowRight"?.04:-.04))}
if(e.key===" "){e.preventDefault();play.click()}});
const first=document.querySelector("[data-seek]");show(first?+first.dataset.seek:0);
</script></body></html>
"""
