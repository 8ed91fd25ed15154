// What the pages do besides htmx: say whether they are live, and select runs. Everything else works without.
(() => {
  "use strict";
  const streams = () => document.querySelector("[data-stream]");

  function say(state, text) {
    const sign = document.getElementById("live");
    if (!sign) return;
    sign.hidden = false;
    sign.dataset.state = state;
    sign.textContent = text;
  }

  function lost(status) {
    say("off", status === 404 ? "gone; load the page anew" : "no access any more; load the page anew");
    const stream = streams();
    if (stream) stream.remove(); // ends its attempts
  }

  document.addEventListener("htmx:sse:after:connection", () => say("on", "live"));
  document.addEventListener("htmx:sse:before:connection", (event) => {
    if (event.detail.connection.attempt > 0) say("away", "connecting again…");
  });
  document.addEventListener("htmx:sse:error", (event) => {
    const status = event.detail.status;
    if (status === 401 || status === 403 || status === 404) lost(status);
    else say("away", "connecting again…");
  });

  // The first connection is made by htmx itself, which does not try again.
  function first(event) {
    const stream = streams();
    const source = event.detail.ctx && event.detail.ctx.sourceElement;
    if (!stream || source !== stream) return;
    const response = event.detail.ctx.response;
    if (response && [401, 403, 404].includes(response.status)) return lost(response.status);
    say("away", "connecting again…");
    setTimeout(() => {
      if (stream.isConnected) htmx.ajax("GET", stream.getAttribute("hx-sse:connect"), { source: stream });
    }, 2000);
  }
  for (const name of ["htmx:error", "htmx:response:error"]) document.addEventListener(name, first);

  // How long what goes on has taken, by this machine's clock; the server says only since when.
  function tick() {
    for (const each of document.querySelectorAll("[data-since]")) {
      const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(each.dataset.since)) / 1000));
      const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
      each.textContent = days ? `${days} d ${hours} h`
        : hours ? `${hours} h ${minutes} min`
        : minutes ? `${minutes} min ${seconds % 60} s`
        : `${seconds} s`;
    }
  }
  setInterval(tick, 1000);
  document.addEventListener("htmx:after:swap", tick);
  document.addEventListener("DOMContentLoaded", tick);

  const boxes = () => [...document.querySelectorAll("#rows input[name=run]")];

  function count() {
    const sign = document.querySelector("[data-picked]");
    const all = document.querySelector("[data-pick-all]");
    if (!sign) return;
    const picked = boxes().filter((box) => box.checked).length;
    sign.textContent = picked === 1 ? "1 run selected" : `${picked} runs selected`;
    sign.parentElement.classList.toggle("idle", picked === 0);
    for (const button of sign.parentElement.querySelectorAll("button")) button.disabled = picked === 0;
    if (all) {
      all.checked = picked > 0 && picked === boxes().length;
      all.indeterminate = picked > 0 && !all.checked;
    }
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-pick-all]")) for (const box of boxes()) box.checked = event.target.checked;
    if (event.target.closest("#bulk")) count();
  });
  // Rows have come or gone.
  document.addEventListener("htmx:after:swap", count);
  document.addEventListener("htmx:after:request", (event) => {
    const source = event.detail.ctx && event.detail.ctx.sourceElement;
    if (!source || source.id !== "bulk") return;
    for (const box of boxes()) box.checked = false;
    count();
  });
  document.addEventListener("DOMContentLoaded", () => {
    const all = document.querySelector("[data-pick-all]");
    if (all) all.hidden = false;
    count();
  });

  // A stage that is led to is opened.
  function open() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.matches("details")) target.open = true;
  }
  addEventListener("hashchange", open);
  document.addEventListener("DOMContentLoaded", open);
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link && link.hash === location.hash) open();
    else if (link && link.href && link.href.baseVal === location.hash) open();
  });
})();
