{
  'targets': [
    {
      'target_name': 'transmit',
      'sources': ['transmit.c'],
      'defines': ['NAPI_VERSION=8', '_GNU_SOURCE'],
      'cflags': ['-std=c11', '-Wall', '-Wextra'],
    },
  ],
}
