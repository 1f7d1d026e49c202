/// The app of the differential test: what it answers depends on the bytes of the request alone, and on its own name.
enum DifferentialServer {
    /// Its name has three letters.
    ///
    /// A request's target is `/ID/KIND`; each answer says `NAME:ID` in a field and in its body.
    static let script = """
        field = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\\r\\n\\0]*\\r\\n$")
        first = re.compile(rb'([A-Z]+) (?:http://h)?/(\\d+)/(\\w+)\\S* HTTP/1\\.[01]\\r\\n$')
        def finish(c):
            c.shutdown(socket.SHUT_WR)
            while c.recv(65536): pass
        def serve(c):
            f = c.makefile('rb', 65536)
            while True:
                line = f.readline()
                if not line: return
                if line == b'\\r\\n': continue
                head, bad, fields = line, False, {}
                m = first.match(line)
                while True:
                    line = f.readline()
                    head += line
                    if line in (b'\\r\\n', b'\\n', b''): break
                    if not field.match(line): bad = True; continue
                    k, v = line.split(b':', 1); k = k.lower()
                    bad = bad or k in (b'content-length', b'transfer-encoding') and (k in fields or len(fields.keys() & {b'content-length', b'transfer-encoding'}) > 0)
                    fields[k] = v.strip()
                if bad or not m or line != b'\\r\\n':
                    c.sendall(b'HTTP/1.1 400 Bad\\r\\nX-Id: %s:0\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n' % name)
                    return finish(c)
                method, id, kind = m.groups()
                who = name + b':' + id
                if kind == b'upgrade':
                    c.sendall(b'HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: echo\\r\\nConnection: upgrade\\r\\nX-Id: ' + who + b'\\r\\n\\r\\n')
                    while True:
                        d = f.read1(65536)
                        if not d: return
                        c.sendall(d.swapcase())
                if kind == b'early': c.sendall(answer(method, kind, who, int(id), zlib.crc32(head)))
                elif fields.get(b'expect') == b'100-continue' and kind != b'final': c.sendall(b'HTTP/1.1 100 Continue\\r\\n\\r\\n')
                body = b''
                if b'content-length' in fields:
                    n = int(fields[b'content-length'])
                    body = f.read(n)
                    if len(body) < n: return
                elif b'transfer-encoding' in fields:
                    while True:
                        line = f.readline()
                        if not line: return
                        n = int(line.split(b';')[0], 16)
                        body += line
                        if n == 0: break
                        body += f.read(n + 2)
                    while line not in (b'\\r\\n', b''): line = f.readline(); body += line
                if kind != b'early': c.sendall(answer(method, kind, who, int(id), zlib.crc32(body, zlib.crc32(head))))
                if kind == b'end' or fields.get(b'connection', b'').lower() == b'close': return finish(c)
        def answer(method, kind, who, id, digest):
            last = who + b'#\\n'
            text = b'%08x ' % digest + b'.' * (id * 37 % 3000) + last
            tag = b'X-Odd:\\t a, "b\\xc3\\xa9" \\r\\nX-Id: ' + who + b'\\r\\n\\r\\n'
            ok = b'HTTP/1.1 200 OK\\r\\n'
            if kind == b'none': return b'HTTP/1.1 204 No Content\\r\\n' + tag
            if kind == b'same': return b'HTTP/1.1 304 Not Modified\\r\\nContent-Length: 77\\r\\n' + tag
            if kind == b'hints': ok = b'HTTP/1.1 103 Early Hints\\r\\nLink: </x>\\r\\n\\r\\nHTTP/1.1 102 P\\r\\n\\r\\n' + ok
            if kind == b'end': return ok + b'Connection: close\\r\\n' + tag + (b'' if method == b'HEAD' else text)
            if kind == b'twice': ok += b'Content-Length: %d\\r\\n' % len(text)
            if kind in (b'chunked', b'both'):
                if kind == b'both': ok += b'Content-Length: 3\\r\\n'
                rest = text[:-len(last)]
                parts = [rest[i:i+97] for i in range(0, len(rest), 97)] + [last]
                body = b''.join(b'%X;x="y"\\r\\n' % len(part) + part + b'\\r\\n' for part in parts) + b'0\\r\\n'
                if id % 2: body += b'X-Trailer: t\\r\\n'
                return ok + b'transfer-encoding: Chunked\\r\\n' + tag + (b'' if method == b'HEAD' else body + b'\\r\\n')
            return ok + b'Content-Length: %d\\r\\n' % len(text) + tag + (b'' if method == b'HEAD' else text)
        listen(serve)
        """
}
