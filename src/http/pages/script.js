"use strict";
const [age, lost, search, form] = ["age", "lost", "q", "search"].map((id) => document.getElementById(id));
const every = 30000;
let read = Date.now(), failure = "", asked = 0, typed;
const span = (s) => s < 90 ? `${s} s` : s < 5400 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3600)} h`;
// shows the age of the page; only a lost connection is announced
const tell = () => {
  const seconds = Math.round((Date.now() - read) / 1000), late = failure !== "" || seconds > 90;
  age.classList.toggle("late", late);
  const text = late ? `not updated for ${span(seconds)}` : `updated ${span(seconds)} ago`;
  if (age.textContent !== text) age.textContent = text;
  const why = late ? failure || "the exporter does not answer" : "";
  const words = why && `${why[0].toUpperCase()}${why.slice(1)}: this page shows the last known state.`;
  if (lost.textContent !== words) lost.textContent = words;
};
// replaces this page with the one at `url`; keeps scroll position, focus and open details
const show = async (url) => {
  const turn = ++asked;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(20000) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (turn !== asked) return;
    const [from, to] = [page, document].map((all) => all.querySelector("main"));
    if (!answer.ok || !from) throw new Error(`the exporter answered with status ${answer.status}`);
    const focus = document.activeElement, at = to.contains(focus) && focus.getAttribute("href");
    const open = [...to.querySelectorAll("details[open]")].map((one) => one.id);
    if (from.innerHTML !== to.innerHTML) {
      for (const one of from.querySelectorAll("details")) one.open = open.includes(one.id);
      to.replaceChildren(...from.childNodes);
      if (at) [...to.querySelectorAll("a")].find((one) => one.getAttribute("href") === at)?.focus({ preventScroll: true });
    }
    document.title = page.title;
    document.querySelector("link[rel=icon]").href = page.querySelector("link[rel=icon]").href;
    [read, failure] = [Date.now(), ""];
  } catch (error) {
    if (turn !== asked) return;
    failure = error.name === "Error" ? error.message : "the exporter does not answer";
  }
  tell();
};
search.addEventListener("input", () => {
  clearTimeout(typed);
  if (location.pathname !== "/") return;
  typed = setTimeout(() => {
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value)).toString();
    history.replaceState(null, "", query ? `/?${query}` : "/");
    show(location.href);
  }, 200);
});
tell();
addEventListener("pagehide", () => clearTimeout(typed));
setInterval(tell, 1000);
setInterval(() => { if (!document.hidden) show(location.href); }, every);
document.addEventListener("visibilitychange", () => { if (!document.hidden && Date.now() - read > every) show(location.href); });
