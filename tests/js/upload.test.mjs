import assert from "node:assert/strict";
import { test } from "node:test";

import { Upload } from "../../frontend/static/js/upload.js";

// A server of one upload: each request takes the next answer {status, offset?, code?, detail?}; 0 is a lost connection.
class Server {
  asked = [];

  constructor(...answers) {
    this.answers = answers;
  }

  makeRequest = () => {
    const server = this;
    const headers = {};
    const request = {
      upload: {},
      open: (method) => (request.method = method),
      setRequestHeader: (name, value) => (headers[name] = value),
      getResponseHeader: (name) => request.answers[name] ?? null,
      abort: () => request.onabort(),
      send(body) {
        const answer = server.answers.shift();
        server.asked.push([request.method, headers["Upload-Offset"] ?? null, body?.size ?? null]);
        request.answers = { "Upload-Offset": answer.offset?.toString(), "Retry-After": answer.after?.toString() };
        request.status = answer.status;
        request.responseText = answer.code ? JSON.stringify({ code: answer.code, detail: answer.detail }) : "";
        queueMicrotask(() => (answer.status ? request.onload() : request.onerror()));
      },
    };
    return request;
  };
}

async function sent(server, { offset = 0 } = {}) {
  const told = [];
  const pauses = [];
  const pause = async (milliseconds) => void pauses.push(milliseconds);
  const upload = new Upload("/u", new Blob(["0123456789"]), { offset, makeRequest: server.makeRequest, pause });
  for (const name of ["trying", "signed-out", "refused", "done"]) {
    upload.addEventListener(name, ({ detail }) => told.push([name, detail.code].filter(Boolean).join(" ")));
  }
  await upload.run();
  return { told, pauses, upload };
}

test("a file goes out in one request", async () => {
  const server = new Server({ status: 204, offset: 10 });
  assert.deepEqual((await sent(server)).told, ["done"]);
  assert.deepEqual(server.asked, [["PUT", null, 10]]);
});

test("after a lost connection only what is missing is sent", async () => {
  const server = new Server({ status: 0 }, { status: 200, offset: 6 }, { status: 204, offset: 10 });
  const { told, pauses } = await sent(server);
  assert.deepEqual(told, ["trying", "done"]);
  assert.equal(pauses.length, 1);
  assert.deepEqual(server.asked, [["PUT", null, 10], ["HEAD", null, null], ["PATCH", "6", 4]]);
});

test("a server that is away is asked again, and its own wish for a pause is heeded", async () => {
  const server = new Server({ status: 503, after: 2 }, { status: 0 }, { status: 200, offset: 0 }, { status: 204, offset: 10 });
  const { pauses } = await sent(server);
  assert.equal(pauses[0], 2000);
  assert.ok(pauses[1] <= 1000);
});

test("a wrong offset is put right without a pause", async () => {
  const server = new Server({ status: 409, code: "wrong_offset", offset: 4 }, { status: 200, offset: 4 }, { status: 204, offset: 10 });
  const { told, pauses } = await sent(server, { offset: 7 });
  assert.deepEqual([told, pauses], [["done"], []]);
});

test("what is refused is not tried again", async () => {
  for (const answer of [
    { status: 410, code: "cancelled" },
    { status: 409, code: "overtaken" },
    { status: 409, code: "different_file" },
    { status: 413, code: "too_large" },
  ]) {
    const server = new Server(answer);
    assert.deepEqual((await sent(server)).told, [`refused ${answer.code}`]);
    assert.equal(server.asked.length, 1);
  }
});

test("signed out, it waits for the person and then asks how far it was", async () => {
  const server = new Server({ status: 401, code: "not_signed_in" }, { status: 200, offset: 3 }, { status: 204, offset: 10 });
  const { told, upload } = await sent(server);
  assert.deepEqual(told, ["signed-out"]);
  await upload.run();
  assert.deepEqual(server.asked.slice(1), [["HEAD", null, null], ["PATCH", "3", 7]]);
});

test("a file that turned out to be complete needs no more bytes", async () => {
  const server = new Server({ status: 200, offset: 10 });
  assert.deepEqual((await sent(server, { offset: null })).told, ["done"]);
});
