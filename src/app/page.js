// Hands photos and drawings to the server that sent this page, and shows what it answers.

const $ = id => document.getElementById(id);
const maxBytes = Number(document.body.dataset.maxBytes);
const MAX_UNDO = 50;

function say(line, bad = false) {
    $("status").textContent = line;
    $("status").classList.toggle("bad", bad);
    if (bad) $("status").scrollIntoView({block: "nearest"});
}

function show(image, blob) {
    URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(blob);
    return image.decode();
}

async function fetchAnswer({path, blob, name}) {
    if (blob.size > maxBytes)
        return say(`${name}: the file has more than ${maxBytes} bytes: make the picture smaller`, true);
    let response, body;
    try {
        response = await fetch(path, {method: "POST", body: blob});
        body = await response.blob();
    } catch {
        return say("no answer: start `python -m src app` again, then reload this page", true);
    }
    if (!response.ok) return say(`${name}: ${await body.text()}`, true);
    const seenBytes = Number(response.headers.get("Seen-Bytes"));
    const result = body.slice(seenBytes, body.size, "image/png");
    $("answer").hidden = false;
    await Promise.all([show($("seen"), body.slice(0, seenBytes, "image/png")), show($("result"), result)]);
    $("save").href = $("result").src;
    $("save").download = `${name.replace(/\.[^.]*$/, "")}-answer.png`;
    say(name);
    if (path === "/photo") $("answer").scrollIntoView({block: "nearest"});
}

// One question at a time; of those that come meanwhile the newest alone is asked.
let asking = false, next = null;

async function ask(question) {
    next = question;
    if (asking) return;
    asking = true;
    while (next) {
        const current = next;
        next = null;
        say("the model works …");
        $("answer").setAttribute("aria-busy", "true");
        try {
            await fetchAnswer(current);
        } catch {
            say(`${current.name}: this browser cannot show the answer: make the picture smaller`, true);
        }
    }
    $("answer").removeAttribute("aria-busy");
    asking = false;
}

function askAboutFile(file) {
    if (file) ask({path: "/photo", blob: file, name: file.name});
}

$("file").addEventListener("change", () => {
    askAboutFile($("file").files[0]);
    $("file").value = "";  // so that the same file can be chosen again
});
// Anywhere on the page: a browser would leave the page for a photo that misses the field.
for (const kind of ["dragover", "dragleave", "drop"]) {
    addEventListener(kind, event => {
        event.preventDefault();
        $("drop").classList.toggle("over", kind === "dragover");
        if (kind === "drop") askAboutFile(event.dataTransfer.files[0]);
    });
}

const canvas = document.querySelector("canvas");
if (canvas) drawOn(canvas, document.body.dataset.task === "sketch");

// Lets a person draw lines of single pixels, or fill rectangles; each stroke is answered.
function drawOn(canvas, lines) {
    const pixels = canvas.getContext("2d", {willReadFrequently: true, alpha: false});
    const before = [];  // the canvas before each stroke
    let from = null;

    const whole = () => pixels.getImageData(0, 0, canvas.width, canvas.height);
    const empty = () => {
        pixels.fillStyle = canvas.dataset.empty;
        pixels.fillRect(0, 0, canvas.width, canvas.height);
    };
    const place = event => {
        const box = canvas.getBoundingClientRect();
        const across = (event.clientX - box.left - canvas.clientLeft) / canvas.clientWidth;
        const down = (event.clientY - box.top - canvas.clientTop) / canvas.clientHeight;
        return [Math.floor(across * canvas.width), Math.floor(down * canvas.height)];
    };
    const keep = () => {
        before.push(whole());
        if (before.length > MAX_UNDO) before.shift();
    };
    const stroke = to => {
        const tool = document.querySelector("[name=tool]:checked");
        pixels.fillStyle = tool.value;
        if (lines) {
            drawLine(pixels, from, to, Number(tool.dataset.width ?? 1));
            from = to;
        } else {
            pixels.putImageData(before.at(-1), 0, 0);
            const [left, top] = [0, 1].map(i => Math.min(from[i], to[i]));
            const [width, height] = [0, 1].map(i => Math.abs(from[i] - to[i]) + 1);
            pixels.fillRect(left, top, width, height);
        }
    };
    const answer = () => {
        $("undo").disabled = $("clear").disabled = before.length === 0;
        canvas.toBlob(blob => ask({path: "/drawing", blob, name: "drawing"}));
    };

    canvas.addEventListener("pointerdown", event => {
        if (event.button !== 0 || from) return;
        canvas.setPointerCapture(event.pointerId);
        keep();
        from = place(event);
        stroke(from);
    });
    canvas.addEventListener("pointermove", event => from && stroke(place(event)));
    for (const end of ["pointerup", "pointercancel"]) {
        canvas.addEventListener(end, () => {
            if (!from) return;
            from = null;
            answer();
        });
    }
    $("undo").addEventListener("click", () => {
        pixels.putImageData(before.pop(), 0, 0);
        answer();
    });
    $("clear").addEventListener("click", () => {
        keep();
        empty();
        answer();
    });
    empty();
}

// Without smoothing: the edges that the model was trained on are either there or not.
function drawLine(pixels, [x0, y0], [x1, y1], width) {
    const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0), 1);
    const half = (width - 1) / 2;
    for (let step = 0; step <= steps; step++) {
        const [x, y] = [x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps].map(Math.round);
        pixels.fillRect(x - half, y - half, width, width);
    }
}
