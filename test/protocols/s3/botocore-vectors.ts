import type { S3Request } from '#protocols/s3/request.ts'

/** Requests as awscli's botocore (2.0.0dev155) signs them: key id AKIDBOTO, secret `secret+/=key`, region `local`. */
export const BOTOCORE: readonly {
  readonly name: string
  readonly method: S3Request['method']
  readonly url: string
  readonly headers: readonly (readonly [string, string])[]
  readonly now: number
}[] = [
  {
    name: 'awkward key',
    method: 'GET',
    url: '/b/a%20b%2B%C3%BC%26%3D%3F%23%2525%27%28%29%2A%21~%24/%F0%9F%98%80',
    headers: [
      ['Host', '127.0.0.1:9000'],
      ['X-Amz-Date', '20261122T060001Z'],
      ['X-Amz-Content-SHA256', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
      [
        'Authorization',
        'AWS4-HMAC-SHA256 Credential=AKIDBOTO/20261122/local/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=826ecc7a8d56cda03c49b3ec262c107f67161b1bade7cdc9fd41e7997f6c1c14',
      ],
    ],
    now: 1795327201239,
  },
  {
    name: 'put with cache-control, metadata and folded spaces',
    method: 'PUT',
    url: '/b/k',
    headers: [
      ['Host', '127.0.0.1:9000'],
      ['cache-control', 'no-cache'],
      ['x-amz-meta-a', 'one   two'],
      ['content-type', 'text/plain'],
      ['X-Amz-Date', '20261122T060001Z'],
      ['X-Amz-Content-SHA256', '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'],
      [
        'Authorization',
        'AWS4-HMAC-SHA256 Credential=AKIDBOTO/20261122/local/s3/aws4_request, SignedHeaders=cache-control;content-type;host;x-amz-content-sha256;x-amz-date;x-amz-meta-a, Signature=6797fec6bbfe19037b41c388c8fdafe382285a38f647b18875c59fb837b6924d',
      ],
      ['Content-Length', '5'],
    ],
    now: 1795327201239,
  },
  {
    name: 'list, query to be sorted',
    method: 'GET',
    url: '/b?prefix=a%2Fb%20c%2B%C3%BC&delimiter=%2F&encoding-type=url&list-type=2&x=',
    headers: [
      ['Host', '127.0.0.1:9000'],
      ['X-Amz-Date', '20261122T060001Z'],
      ['X-Amz-Content-SHA256', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
      [
        'Authorization',
        'AWS4-HMAC-SHA256 Credential=AKIDBOTO/20261122/local/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=9f6af06a923a5bb9f83780daab429b6d3dac8f43c08c7d1602948d5797eb120a',
      ],
    ],
    now: 1795327201239,
  },
  {
    name: 'dot segments and doubled slashes are not normalised',
    method: 'GET',
    url: '/b/a/../b//c/./d',
    headers: [
      ['Host', '127.0.0.1:9000'],
      ['X-Amz-Date', '20261122T060001Z'],
      ['X-Amz-Content-SHA256', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
      [
        'Authorization',
        'AWS4-HMAC-SHA256 Credential=AKIDBOTO/20261122/local/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=b81bfd3d5e661d8dad9cd0d49352bb00b94789f2b0e5311ab31fdb94df77900e',
      ],
    ],
    now: 1795327201239,
  },
  {
    name: 'unsigned payload over TLS',
    method: 'PUT',
    url: '/b/k',
    headers: [
      ['Host', '127.0.0.1:9000'],
      ['X-Amz-Date', '20261122T060001Z'],
      ['X-Amz-Content-SHA256', '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'],
      [
        'Authorization',
        'AWS4-HMAC-SHA256 Credential=AKIDBOTO/20261122/local/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=86e44b0c6e312a7beeffba0aed00b0728229f333535d3e2021b66eac77d868a1',
      ],
      ['Content-Length', '5'],
    ],
    now: 1795327201239,
  },
  {
    name: 'presigned GET',
    method: 'GET',
    url: '/b/a%20b%2B%C3%BC%26%3D%3F%23%2525%27%28%29%2A%21~%24/%F0%9F%98%80?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDBOTO%2F20261122%2Flocal%2Fs3%2Faws4_request&X-Amz-Date=20261122T060001Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=63de2ab41677a8a0e0e93134aa09cff4d980ffa9cd6c34c840bc5d2c48d1a20d',
    headers: [['Host', '127.0.0.1:9000']],
    now: 1795327201239,
  },
  {
    name: 'presigned PUT with content type',
    method: 'PUT',
    url: '/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDBOTO%2F20261122%2Flocal%2Fs3%2Faws4_request&X-Amz-Date=20261122T060001Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=content-type%3Bhost&X-Amz-Signature=ba4c8933758f4bb4de1e821653fbfefa33c9f6455e9ab570915b7a081f231b42',
    headers: [
      ['Host', '127.0.0.1:9000'],
      ['content-type', 'text/plain'],
      ['Content-Length', '0'],
    ],
    now: 1795327201239,
  },
]
