/* Memory of OpenSSL that holds nothing once it is freed: for processes that
 * read private keys. PEM and DER on their way are not wiped otherwise. */
#ifndef PROC_WIPING_H
#define PROC_WIPING_H

/* Before anything else of OpenSSL is used. */
void wiping_start(void);

#endif
